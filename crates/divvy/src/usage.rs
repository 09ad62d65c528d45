//! What is wrong with a command line, in one line and a hint.

use std::error::Error;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::failure::Failure;

/// What clap found, as a failure; `None` where it is no error but a page to be printed: the help or version.
pub(crate) fn failure(error: &clap::Error) -> Option<Failure> {
    let text = |kind| error.get(kind).map(in_words).unwrap_or_default();
    let (flag, value) = (flag_name(&text(ContextKind::InvalidArg)), text(ContextKind::InvalidValue));
    let near = |kind| match text(kind) {
        near if near.is_empty() => String::new(),
        near => format!("; did you mean `{near}`?"),
    };
    let message = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        ErrorKind::InvalidValue if value.is_empty() => {
            format!("{flag} needs a value: {}", text(ContextKind::ValidValue))
        }
        ErrorKind::InvalidValue => {
            let near = near(ContextKind::SuggestedValue);
            format!("{flag}: there is no `{value}`{near} (known: {})", text(ContextKind::ValidValue))
        }
        ErrorKind::ValueValidation => {
            let reason = error.source().map(ToString::to_string).unwrap_or_default();
            format!("{flag}: `{value}` cannot be used; {reason}")
        }
        ErrorKind::UnknownArgument => {
            format!("there is no `{flag}` here{}", near(ContextKind::SuggestedArg))
        }
        ErrorKind::InvalidSubcommand => {
            let command = text(ContextKind::InvalidSubcommand);
            format!("there is no command `{command}`{}", near(ContextKind::SuggestedSubcommand))
        }
        ErrorKind::MissingRequiredArgument => format!("{flag} is missing"),
        ErrorKind::ArgumentConflict => {
            format!("{flag} cannot be used together with {}", flag_name(&text(ContextKind::PriorArg)))
        }
        _ => first_line(error),
    };
    let help = match text(ContextKind::Usage).strip_prefix("Usage: ") {
        Some(usage) if !usage.ends_with("<COMMAND>") => format!("usage: {usage}"),
        _ => "`divvy --help` lists the commands".to_owned(),
    };
    Some(Failure::new(message).help(help))
}

/// A value of clap's context as a list.
fn in_words(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join(", "),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::StyledStrs(texts) => {
            texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

/// `--size` of `--size <PIXELS>`; a position's `<RUN>` stays.
fn flag_name(argument: &str) -> String {
    match argument.split_once(' ') {
        Some((flag, _)) if flag.starts_with('-') && !argument.contains(',') => flag.to_owned(),
        _ => argument.to_owned(),
    }
}

fn first_line(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    rendered.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::Parser;

    fn message(line: &str) -> String {
        let error = Cli::try_parse_from(line.split(' ')).expect_err("the line is wrong");
        failure(&error).expect("it is an error").to_string()
    }

    #[test]
    fn each_mistake_is_one_line_with_what_may_be_meant() {
        for (line, said) in [
            (
                "divvy train x --optimizer adma",
                "--optimizer: there is no `adma`; did you mean `adam`? (known: adam, adamw, sgd, sgdw, rmsprop)",
            ),
            (
                "divvy train x --task",
                "--task needs a value: auto, binary, multi-class, multi-label, regression",
            ),
            ("divvy train x --size 0", "--size: `0` cannot be used; give a whole number from 1 to 4096"),
            ("divvy train x --sise 3", "there is no `--sise` here; did you mean `--size`?"),
            ("divvy trian x", "there is no command `trian`; did you mean `train`?"),
            ("divvy train", "<PHOTOS> is missing"),
            ("divvy sort run", "--into <DIR>, <FOLDER> is missing"),
            ("divvy train x --epochs 3 --minutes 2", "--epochs cannot be used together with --minutes"),
            ("divvy train x --threads 0", "--threads: `0` cannot be used; 0 is not in 1..=1024"),
            ("divvy sort run x --into y --copy --move", "--copy cannot be used together with --move"),
            (
                "divvy bench train classic --precision f64",
                "--precision: `f64` cannot be used; give f32, bf16, f16 or int8",
            ),
        ] {
            assert_eq!(message(line), said, "{line}");
        }
    }

    #[test]
    fn the_hint_is_how_it_is_typed() {
        let hint = |line: &str| {
            let error = Cli::try_parse_from(line.split(' ')).expect_err("the line is wrong");
            failure(&error).and_then(|failure| failure.hint().map(str::to_owned))
        };
        assert_eq!(hint("divvy train").as_deref(), Some("usage: divvy train <PHOTOS>"));
        assert_eq!(hint("divvy trian").as_deref(), Some("`divvy --help` lists the commands"));
    }

    #[test]
    fn asking_for_help_is_no_mistake() {
        for line in ["divvy --help", "divvy train --help", "divvy --version"] {
            let asked = Cli::try_parse_from(line.split(' ')).expect_err("clap answers itself");
            assert!(failure(&asked).is_none());
        }
    }
}
