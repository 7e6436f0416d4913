//! What the operating system says of this process: Linux' `/proc`, and nothing elsewhere.

use std::fs;

/// A look at the process. What cannot be had is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Process {
    /// Resident memory.
    pub(super) resident_bytes: Option<u64>,
    /// CPU time, user and system.
    pub(super) cpu_seconds: Option<f64>,
    /// Open file descriptors.
    pub(super) open_fds: Option<u64>,
    /// How many may be open.
    pub(super) max_fds: Option<u64>,
    /// When it began, Unix time.
    pub(super) started: Option<f64>,
}

/// Clock ticks a second in `/proc/*/stat`: a constant of Linux' interface to user space on every architecture we build
/// for (`USER_HZ`); asking `sysconf` would take unsafe code.
const TICKS: f64 = 100.0;

impl Process {
    /// How it stands now.
    pub(super) fn now() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let mut process = Self::parse(
            &read("/proc/self/status"),
            &read("/proc/self/stat"),
            &read("/proc/stat"),
            &read("/proc/self/limits"),
        );
        // Listing the folder opens it, which is one more.
        process.open_fds = fs::read_dir("/proc/self/fd").ok().map(|all| (all.count() as u64).saturating_sub(1));
        process
    }

    fn parse(status: &str, stat: &str, boot: &str, limits: &str) -> Self {
        let resident = field(status, "VmRSS:").and_then(|kib| kib.parse::<u64>().ok());
        // The second field is the program's name in brackets, which may hold anything.
        let fields: Vec<f64> = stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| {
            rest.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect()
        });
        // Counted as `man proc_pid_stat` does, the first of ours is its fourth: utime 14, stime 15, starttime 22.
        let ticks = |number: usize| fields.get(number - 4).map(|ticks| ticks / TICKS);
        let booted = field(boot, "btime").and_then(|seconds| seconds.parse::<f64>().ok());
        Self {
            resident_bytes: resident.map(|kib| kib * 1024),
            cpu_seconds: ticks(14).zip(ticks(15)).map(|(user, system)| user + system),
            open_fds: None,
            max_fds: field(limits, "Max open files").and_then(|soft| soft.parse().ok()),
            started: booted.zip(ticks(22)).map(|(booted, after)| booted + after),
        }
    }
}

/// The first word after a label at a line's start.
fn field<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(label)).and_then(|rest| rest.split_whitespace().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_from_proc() {
        let process = Process::parse(
            "Name:\ttidegate\nVmPeak:\t 900 kB\nVmRSS:\t    8192 kB\n",
            "7 (tide) gate) S 1 7 7 0 -1 4194304 900 0 0 0 250 150 0 0 20 0 4 0 5000 1 2",
            "cpu 1 2 3\nbtime 1700000000\n",
            "Limit                     Soft Limit           Hard Limit           Units\n\
             Max open files            1024                 4096                 files\n",
        );
        let expected = Process {
            resident_bytes: Some(8 << 20),
            cpu_seconds: Some(4.0),
            open_fds: None,
            max_fds: Some(1024),
            started: Some(1_700_000_050.0),
        };
        assert_eq!(process, expected);
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        assert_eq!(Process::parse("", "", "", ""), Process::default());
        assert_eq!(Process::parse("VmRSS: x", "7 (a) S x", "btime", "Max open files unlimited"), Process::default());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_can_be_read() {
        let process = Process::now();
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 1 << 20), "{process:?}");
        assert!(process.open_fds.is_some_and(|fds| fds >= 3), "{process:?}");
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        assert!(process.started.is_some_and(|started| started <= now && started > now - 86_400.0), "{process:?}");
    }
}
