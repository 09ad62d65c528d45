//! `divvy explain`: what a rule says, or which there are.

use divvy::rules::Rule;

use crate::Status;
use crate::args::ExplainArgs;
use crate::terminal::{Palette, Terminal};

/// Prints a rule's page, or the list of all.
pub(crate) fn run(args: &ExplainArgs, terminal: &mut Terminal) -> Status {
    let palette = terminal.palette();
    for (index, &rule) in args.rules.iter().enumerate() {
        if index > 0 {
            terminal.print("");
        }
        terminal.print(page(rule, palette));
        let when = rule.stage().in_words();
        terminal.tell(format_args!("\n{} `{}`, found {when}.", rule.severity(), rule.name()));
    }
    if args.rules.is_empty() {
        for &rule in Rule::ALL {
            terminal.print(line(rule, palette));
        }
        terminal.tell("\n`divvy explain H01` says why, what to write instead, and how to see it.");
    }
    Status::Done
}

/// A rule in a line: number, severity, and what is found.
fn line(rule: Rule, palette: Palette) -> String {
    let number = palette.heading(rule.id());
    format!("{number}  {:<8}  {:<24}  {}", rule.severity(), rule.name(), rule.page().title())
}

/// The page as it is for readers of plain text; on a terminal in lines that fit it, with headings that stand out and code that stands
/// back.
fn page(rule: Rule, palette: Palette) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut prose = String::new();
    let mut in_code = false;
    for line in rule.page().text().lines() {
        let is_item = line.starts_with("- ");
        if !in_code && is_prose(line) {
            if is_item {
                lines.extend(paragraph(&mut prose, palette));
            }
            let gap = if prose.is_empty() { "" } else { "\n" };
            prose.extend([gap, line]);
            continue;
        }
        lines.extend(paragraph(&mut prose, palette));
        let is_fence = line.starts_with("```");
        in_code ^= is_fence;
        lines.push(match line {
            _ if is_fence => palette.faint(line),
            _ if in_code => palette.code(line),
            heading if heading.starts_with('#') => palette.heading(heading),
            other => other.to_owned(),
        });
    }
    lines.extend(paragraph(&mut prose, palette));
    lines.join("\n")
}

/// Whether a line outside code belongs to a paragraph or an item of a list, rather than to a formula, a heading or a gap.
fn is_prose(line: &str) -> bool {
    !line.is_empty() && !["#", "```", "    "].iter().any(|other| line.starts_with(other))
}

/// The paragraph that was gathered, which is empty afterwards.
fn paragraph(prose: &mut String, palette: Palette) -> Option<String> {
    let text = std::mem::take(prose);
    let indent = if text.starts_with("- ") { "  " } else { "" };
    (!text.is_empty()).then(|| palette.wrapped(&text, indent))
}
