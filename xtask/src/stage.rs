//! One step of a chore: a command that is quiet when it works and shows all it said when it does not.

use std::io::{Read, Write, pipe, stdout};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::root;

/// The cargo that called us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// The target that the compiler in use compiles for, by name.
pub(crate) fn host() -> Result<String> {
    let printed = Command::new("rustc").args(["--print", "host-tuple"]).output();
    Ok(String::from_utf8_lossy(&printed.context("`rustc` does not start")?.stdout).trim().to_owned())
}

/// Whether a command can be run at all.
pub(crate) fn answers(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// How wide a title's column is.
const WIDTH: usize = 12;

/// Says that a stage cannot be run here.
pub(crate) fn leave_out(title: &str, why: &str) {
    println!("{title:<WIDTH$}left out: {why}");
}

/// Runs a command under a title, with its output held back unless it fails.
pub(crate) fn run(title: &str, mut command: Command) -> Result<()> {
    print!("{title:<WIDTH$}");
    stdout().flush()?;
    let start = Instant::now();

    let (mut reader, writer) = pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let words = words(&command);
    let mut child = command.spawn().with_context(|| format!("`{words}` does not start"))?;
    // The command holds our ends of the pipe: while they are open, reading would not end.
    drop(command);
    let mut said = Vec::new();
    reader.read_to_end(&mut said)?;

    if child.wait()?.success() {
        println!("ok {:>7.1} s", start.elapsed().as_secs_f64());
        return Ok(());
    }
    println!("failed\n\n{}", String::from_utf8_lossy(&said).trim_end());
    println!();
    bail!("stage `{title}` failed; to run it alone: {words}")
}

/// A command as one would type it.
pub(crate) fn words(command: &Command) -> String {
    let settings = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}='{}'", name.to_string_lossy(), value?.to_string_lossy()))
    });
    let program = if command.get_program().to_string_lossy().contains("cargo") {
        "cargo".into()
    } else {
        command.get_program().to_string_lossy()
    };
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    settings.chain([program.into_owned()]).chain(arguments).collect::<Vec<_>>().join(" ")
}
