//! Clients that nobody here wrote: Python's, in a virtual environment of their own.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// A script of `foreign/`, run by a Python that has the packages of `foreign/requirements.txt`.
#[derive(Debug)]
pub struct Python {
    command: Command,
}

impl Python {
    /// A script and its arguments. The environment is made when it is missing.
    pub fn script(name: &str, arguments: &[&str]) -> Self {
        let foreign = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign");
        let mut command = Command::new(foreign.join("python"));
        command.arg(foreign.join(name)).args(arguments);
        Self { command }
    }

    /// Runs it with `input` and gives what it printed, a JSON value a line.
    ///
    /// # Panics
    /// When it fails; its complaints are shown.
    pub fn run(mut self, input: &str) -> Vec<serde_json::Value> {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the script starts");
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        let input = input.to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("the script ends");
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}: {}\n{complaints}", self.command, output.status);
        writer.join().expect("the writer does not panic").expect("the script reads its input");
        let text = String::from_utf8(output.stdout).expect("the script prints text");
        text.lines().map(|line| serde_json::from_str(line).expect("the script prints JSON")).collect()
    }
}
