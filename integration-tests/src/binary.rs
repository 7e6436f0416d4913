//! Where the `tidegate` binary is.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The binary under test: `TIDEGATE_TEST_BINARY`, else the one cargo builds beside this test, in the same profile. It
/// is brought up to date once a process; cargo's own lock lets others wait.
///
/// # Panics
/// When it does not compile.
pub fn tidegate() -> &'static Path {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let binary = BINARY.get_or_init(|| match std::env::var_os("TIDEGATE_TEST_BINARY") {
        Some(path) => Ok(PathBuf::from(path)),
        None => build(),
    });
    binary.as_ref().unwrap_or_else(|problem| panic!("{problem}"))
}

fn build() -> Result<PathBuf, String> {
    // target/<profile>/deps/it-0123456789abcdef
    let executable = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = executable.ancestors().nth(2).ok_or("the test is not in a target folder")?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let output = Command::new(env!("CARGO"))
        // The same selection of features as `cargo test --workspace`, so that nothing is built twice.
        .args(["build", "--quiet", "--workspace", "--bin", "tidegate", "--test", "it", "--profile", profile])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("tidegate does not compile:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(folder.join("tidegate"))
}
