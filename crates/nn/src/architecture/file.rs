//! Reading a TOML file of layers, so that every mistake is told with its line.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Stated, Step};
use crate::layers::Layer;
use crate::names::UnknownName;
use crate::wiring::Wiring;
use divvy_rules::{Rule, line_at};

/// What is wrong in a file, and where.
pub(super) struct Fault {
    /// From 1.
    pub(super) line: usize,
    pub(super) message: String,
}

/// The keys a layer of any type may have.
const KEYS_OF_ALL: [&str; 3] = ["type", "name", "inputs"];

/// The keys of a file.
const KEYS_OF_FILE: [&str; 3] = ["layer", "head", "allow"];

/// What a file holds.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) steps: Vec<Step>,
    pub(super) head: Stated,
    pub(super) allow: Vec<Rule>,
}

pub(super) fn read(text: &str) -> Result<Contents, Fault> {
    let file = DeTable::parse(text).map_err(|error| fault(text, error.span(), error.message()))?;
    let mut contents = Contents { steps: Vec::new(), head: Stated::default(), allow: Vec::new() };
    for (key, value) in file.into_inner() {
        match key.get_ref().as_ref() {
            "layer" => contents.steps = read_layers(text, value)?,
            "head" => contents.head = read_head(text, value)?,
            "allow" => contents.allow = read_value(text, "allow", value)?,
            _ => {
                let unknown = UnknownName::new("key", key.get_ref(), KEYS_OF_FILE);
                return Err(fault(text, Some(key.span()), unknown.to_string()));
            }
        }
    }
    if contents.steps.is_empty() && contents.head.wiring.is_empty() {
        return Err(fault(text, None, "there are no layers; write [[layer]] above each"));
    }
    Ok(contents)
}

fn read_layers(text: &str, value: Spanned<DeValue<'_>>) -> Result<Vec<Step>, Fault> {
    let span = value.span();
    let DeValue::Array(layers) = value.into_inner() else {
        return Err(fault(text, Some(span), "write [[layer]], in two brackets, above each layer"));
    };
    layers.into_iter().map(|layer| read_layer(text, layer)).collect()
}

/// The table of what is stated of the head, with the line of each key.
fn read_head(text: &str, value: Spanned<DeValue<'_>>) -> Result<Stated, Fault> {
    let span = value.span();
    let DeValue::Table(table) = value.into_inner() else {
        return Err(fault(text, Some(span), "write [head], in one bracket, above its keys"));
    };
    let mut lines = BTreeMap::new();
    for key in table.keys() {
        let name = key.get_ref().as_ref();
        let Some(known) = Wiring::KEYS.into_iter().find(|known| *known == name) else {
            let unknown = UnknownName::new("key", name, Wiring::KEYS);
            return Err(fault(text, Some(key.span()), format!("in [head], {unknown}")));
        };
        lines.insert(known, line_at(text, key.span().start));
    }
    let line = Some(line_at(text, span.start));
    match Wiring::deserialize(toml::Deserializer::from(Spanned::new(span.clone(), table))) {
        Ok(wiring) => Ok(Stated { wiring, line, lines }),
        Err(error) => {
            Err(fault(text, error.span().or(Some(span)), format!("in [head], {}", error.message())))
        }
    }
}

fn read_layer(text: &str, layer: Spanned<DeValue<'_>>) -> Result<Step, Fault> {
    let span = layer.span();
    let DeValue::Table(table) = layer.into_inner() else {
        return Err(fault(text, Some(span), "a layer is a table: write [[layer]] and its keys below it"));
    };
    let (common, settings): (DeTable<'_>, DeTable<'_>) =
        table.into_iter().partition(|(key, _)| KEYS_OF_ALL.contains(&key.get_ref().as_ref()));
    let line = line_at(text, span.start);
    let Common { type_name, type_span, name, inputs } = Common::read(text, &span, common)?;
    let Some(kind) = Layer::TYPES.iter().find(|kind| kind.name == type_name) else {
        let unknown = UnknownName::new("layer type", &type_name, Layer::TYPES.iter().map(|kind| kind.name));
        return Err(fault(text, Some(type_span), unknown.to_string()));
    };
    let known = (kind.settings)();
    if let Some(key) = settings.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
        let unknown = UnknownName::new("key", key.get_ref(), known.iter().copied().chain(KEYS_OF_ALL));
        return Err(fault(text, Some(key.span()), format!("in a {type_name} layer, {unknown}")));
    }
    match (kind.read)(toml::Deserializer::from(Spanned::new(span.clone(), settings))) {
        Ok(layer) => Ok(Step { line: Some(line), name, inputs, layer }),
        Err(error) => {
            let message = format!("in a {type_name} layer, {}", error.message());
            Err(fault(text, error.span().or(Some(span)), message))
        }
    }
}

/// What layers of every type have.
struct Common {
    type_name: String,
    type_span: Range<usize>,
    name: Option<String>,
    inputs: Option<Vec<String>>,
}

impl Common {
    fn read(text: &str, layer: &Range<usize>, table: DeTable<'_>) -> Result<Self, Fault> {
        let mut type_name = None;
        let (mut name, mut inputs) = (None, None);
        for (key, value) in table {
            let span = value.span();
            match key.get_ref().as_ref() {
                "type" => type_name = Some((read_value::<String>(text, "type", value)?, span)),
                "name" => name = Some(read_value(text, "name", value)?),
                _ => inputs = Some(read_value(text, "inputs", value)?),
            }
        }
        match type_name {
            Some((type_name, type_span)) => Ok(Self { type_name, type_span, name, inputs }),
            None => Err(fault(text, Some(layer.clone()), "a layer needs a type, such as type = \"conv2d\"")),
        }
    }
}

fn read_value<'de, T: Deserialize<'de>>(
    text: &str,
    key: &str,
    value: Spanned<DeValue<'de>>,
) -> Result<T, Fault> {
    let span = value.span();
    T::deserialize(value.into_deserializer())
        .map_err(|error| fault(text, error.span().or(Some(span)), format!("{key}: {}", error.message())))
}

fn fault(text: &str, span: Option<Range<usize>>, message: impl Into<String>) -> Fault {
    let line = span.map_or(1, |span| line_at(text, span.start));
    Fault { line, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = include_str!("../../../../docs/architectures.md");

    fn message(text: &str) -> (usize, String) {
        match read(text) {
            Ok(contents) => panic!("no fault in {text}: {contents:?}"),
            Err(Fault { line, message }) => (line, message),
        }
    }

    #[test]
    fn faults_are_told_with_line_and_near_name() {
        for (text, line, part) in [
            ("\n[[layer]]\ntype = \"conv2\"", 3, "did you mean `conv2d`?"),
            ("[[layer]]\ntype = \"dense\"\nunit = 3", 3, "did you mean `units`?"),
            ("[[layers]]\ntype = \"dense\"", 1, "did you mean `layer`?"),
            ("[head]\nunit = 3", 2, "did you mean `units`?"),
            ("[head]\nunits = 1\nloss = \"binary_entropy\"", 3, "did you mean `binary_crossentropy`"),
            ("[[head]]\nunits = 1", 1, "in one bracket"),
            ("allow = [\"T5\"]", 1, "did you mean `T05`"),
            ("[layer]\ntype = \"dense\"", 1, "two brackets"),
            ("layer = [3]", 1, "a layer is a table"),
            ("", 1, "no layers"),
            ("\n\n[[layer]]\nunits = 3", 3, "needs a type"),
            ("[[layer]]\ntype = \"dense\"", 1, "missing field `units`"),
            ("[[layer]]\ntype = \"dense\"\nunits = -1", 3, "invalid value"),
            ("[[layer]]\ntype = \"dense\"\nunits = \"3\"", 3, "invalid type: string"),
            ("[[layer]]\ntype = 3", 2, "type: invalid type"),
            ("[[layer]]\ntype = \"flatten\"\ninputs = \"a\"", 3, "inputs: invalid type"),
            ("[[layer]]\ntype = \"dense\"\nunits = 3\nactivation = \"rleu\"", 4, "did you mean `relu`?"),
            (
                "[[layer]]\ntype = \"conv2d\"\nfilters = 3\nkernel = [1, 2, 3]",
                4,
                "expected a whole number or a pair",
            ),
            ("[[layer]]\ntype = \"dense\"\nunits = ", 3, ""),
            ("[[layer]]\ntype = \"dense\"\ntype = \"dense\"", 3, "duplicate key"),
        ] {
            let (found_line, found) = message(text);
            assert!(found_line == line && found.contains(part), "{text}\nline {found_line}: {found}");
        }
    }

    /// The manual's section about a type of layer.
    fn section(type_name: &str) -> &'static str {
        let heading = format!("\n### `{type_name}`\n");
        let start =
            MANUAL.find(&heading).unwrap_or_else(|| panic!("no section for {type_name}")) + heading.len();
        let text = &MANUAL[start..];
        &text[..text.find("\n##").unwrap_or(text.len())]
    }

    /// The first example of a section.
    fn example(section: &str) -> &str {
        section.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example")
    }

    /// Key and default of each row of a section's table.
    fn rows(section: &str) -> Vec<(&str, &str)> {
        let row = |line| match str::split(line, '|').map(str::trim).collect::<Vec<_>>()[..] {
            ["", key, default, _, ""] => (key.trim_matches('`'), default),
            _ => panic!("no row of three cells: {line}"),
        };
        section.lines().filter(|line| line.starts_with("| `")).map(row).collect()
    }

    #[test]
    fn the_manual_lists_every_layer_and_key() {
        for kind in Layer::TYPES {
            let documented: Vec<&str> = rows(section(kind.name)).into_iter().map(|(key, _)| key).collect();
            assert_eq!(documented, (kind.settings)(), "{}", kind.name);
        }
    }

    #[test]
    fn the_manual_tells_the_true_defaults() {
        for kind in Layer::TYPES {
            let section = section(kind.name);
            let short = example(section);
            let layer_of = |text: &str| match read(text) {
                Ok(mut contents) => contents.steps.remove(0).layer,
                Err(Fault { message, .. }) => panic!("{text}{message}"),
            };
            let mut long = short.to_owned();
            for (key, default) in rows(section) {
                let required = short.contains(&format!("{key} = "));
                assert_eq!(required, default == "required", "{}: {key}", kind.name);
                if let Some(value) = default.strip_prefix('`') {
                    long.extend([key, " = ", value.trim_end_matches('`'), "\n"]);
                }
            }
            assert_eq!(layer_of(short), layer_of(&long), "{}", kind.name);
        }
    }
}
