//! What a rule's page says, and where.

/// The page of a rule: Markdown with a title, a summary, and the sections that every page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    text: &'static str,
}

/// A block of code in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snippet {
    /// What stands behind the opening fence: `toml`, `python`, `rust`, `sh`.
    pub language: &'static str,
    /// The lines between the fences.
    pub code: &'static str,
}

impl Page {
    /// The sections that follow the summary, in order.
    pub const SECTIONS: [&'static str; 4] = ["Why", "Wrong", "Right", "How to see it"];

    pub(crate) fn new(text: &'static str) -> Self {
        Self { text }
    }

    /// All of it, as Markdown.
    pub fn text(self) -> &'static str {
        self.text.trim_end()
    }

    /// The title without the number: `softmax over a single unit`.
    pub fn title(self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.split_once(": ").map_or(first, |(_, title)| title)
    }

    /// What stands between the title and the first section.
    pub fn summary(self) -> &'static str {
        let after_title = self.text.split_once('\n').map_or("", |(_, rest)| rest);
        after_title.split("\n## ").next().unwrap_or_default().trim()
    }

    /// A section's text without its heading; empty where there is none of that name.
    pub fn section(self, name: &str) -> &'static str {
        let mut sections = self.text.split("\n## ").skip(1);
        let found = sections.find_map(|section| section.split_once('\n').filter(|(head, _)| *head == name));
        found.map_or("", |(_, body)| body.trim())
    }

    /// The blocks of code in a section.
    pub fn snippets(self, section: &str) -> impl Iterator<Item = Snippet> {
        // Between fences every second piece is code.
        self.section(section).split("```").skip(1).step_by(2).filter_map(|block| {
            let (language, code) = block.split_once('\n')?;
            Some(Snippet { language: language.trim(), code })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rule, Stage};

    #[test]
    fn a_page_is_taken_apart() {
        let page = Page::new(
            "# H01: a title: of two\n\nWhat it is.\n\n## Why\n\nBecause.\n\n## Wrong\n\n```toml\na = 1\n```\n\nor\n\n```python\nb\n```\n",
        );
        assert_eq!((page.title(), page.summary()), ("a title: of two", "What it is."));
        assert_eq!((page.section("Why"), page.section("Right")), ("Because.", ""));
        let snippets: Vec<_> = page.snippets("Wrong").map(|s| (s.language, s.code)).collect();
        assert_eq!(snippets, [("toml", "a = 1\n"), ("python", "b\n")]);
    }

    #[test]
    fn every_page_has_its_number_and_all_sections_with_both_ways_to_write_it() {
        for &rule in Rule::ALL {
            let page = rule.page();
            assert!(page.text().starts_with(&format!("# {rule}: ")), "{rule} begins with its number");
            assert!(!page.summary().is_empty(), "{rule} has no summary");
            let headings: Vec<&str> =
                page.text().lines().filter_map(|line| line.strip_prefix("## ")).collect();
            assert_eq!(headings, Page::SECTIONS, "{rule}");
            for section in Page::SECTIONS {
                assert!(!page.section(section).is_empty(), "{rule}: {section} is empty");
            }
            for section in ["Wrong", "Right"] {
                let languages: Vec<&str> = page.snippets(section).map(|s| s.language).collect();
                assert!(languages.contains(&"python"), "{rule}: {section} shows nothing of Keras");
                // What cannot be written in divvy cannot be shown either.
                let shown = languages.iter().any(|language| ["toml", "rust", "sh", "csv"].contains(language));
                let can_be_written = section == "Right" || rule.stage() != Stage::Design;
                assert!(shown || !can_be_written, "{rule}: {section} shows nothing of divvy");
            }
            let longest = page.text().lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(100), "{rule}: a line of {longest:?} characters does not fit a terminal");
        }
    }
}
