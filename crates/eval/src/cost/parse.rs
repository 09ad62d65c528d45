//! Costs as they are typed.

use super::{CostMatrix, NotACost, StatedCost};

const ARROW: &str = "->";
/// How many of the known groups an error names.
const NAMED: usize = 20;

/// Texts that state no costs of mistakes between the groups at hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CostError {
    /// The text is not of the form asked for.
    #[error(
        "`{text}` states no cost; write the true group, what it is taken for and the cost, such as `{example}`"
    )]
    Form {
        /// The text.
        text: String,
        /// A text that would do.
        example: String,
    },
    /// The text names a group that there is not.
    #[error("`{text}` names a group that there is not; the groups are {known}")]
    UnknownGroup {
        /// The text.
        text: String,
        /// The groups that there are.
        known: String,
    },
    /// The names of groups have arrows in them, and the text can be read in two ways.
    #[error("`{text}` can be read in two ways, for there are groups with `->` in their names; rename one")]
    Ambiguous {
        /// The text.
        text: String,
    },
    /// The text states the cost of what is no mistake.
    #[error("`{text}` states what it costs to take {group} for {group}, which is no mistake")]
    NoMistake {
        /// The text.
        text: String,
        /// The group.
        group: String,
    },
    /// The cost of a mistake is stated twice.
    #[error("what it costs to take {truth} for {taken_for} is stated twice; leave one out")]
    Twice {
        /// The true group.
        truth: String,
        /// The group that it is taken for.
        taken_for: String,
    },
    /// The cost is none.
    #[error("in `{text}`: {source}")]
    Cost {
        /// The text.
        text: String,
        /// What is wrong with the cost.
        source: NotACost,
    },
}

impl CostMatrix {
    /// The costs that the texts state, each as `TRUE->TAKEN FOR=COST` with names of `classes`; every other mistake costs 1. Spaces
    /// around names and numbers do not count.
    ///
    /// # Errors
    /// A text of another form, a group that there is not, the same group twice, the same mistake twice, a cost that is no number
    /// from 0 to 1,000,000,000.
    pub fn parse<S: AsRef<str>>(classes: &[String], stated: &[S]) -> Result<Self, CostError> {
        let mut matrix = Self { classes: classes.len(), stated: Vec::new() };
        for text in stated {
            let next = parse_one(classes, text.as_ref().trim())?;
            let same = |one: &StatedCost| (one.truth, one.taken_for) == (next.truth, next.taken_for);
            if matrix.stated.iter().any(same) {
                let [truth, taken_for] = [next.truth, next.taken_for].map(|class| classes[class].clone());
                return Err(CostError::Twice { truth, taken_for });
            }
            matrix.stated.push(next);
        }
        Ok(matrix)
    }
}

fn parse_one(classes: &[String], text: &str) -> Result<StatedCost, CostError> {
    let no_form = || CostError::Form { text: text.to_owned(), example: example(classes) };
    let (groups, cost) = text.rsplit_once('=').ok_or_else(no_form)?;
    let cost = cost.parse().map_err(|source| CostError::Cost { text: text.to_owned(), source })?;
    if !groups.contains(ARROW) {
        return Err(no_form());
    }
    let index = |name: &str| classes.iter().position(|class| class.trim() == name.trim());
    // A name may have an arrow in it.
    let mut readings = groups
        .match_indices(ARROW)
        .filter_map(|(at, arrow)| Some((index(&groups[..at])?, index(&groups[at + arrow.len()..])?)));
    match (readings.next(), readings.next()) {
        (Some((truth, taken_for)), None) if truth == taken_for => {
            Err(CostError::NoMistake { text: text.to_owned(), group: classes[truth].clone() })
        }
        (Some((truth, taken_for)), None) => Ok(StatedCost { truth, taken_for, cost }),
        (Some(_), Some(_)) => Err(CostError::Ambiguous { text: text.to_owned() }),
        (None, _) => Err(CostError::UnknownGroup { text: text.to_owned(), known: known(classes) }),
    }
}

fn example(classes: &[String]) -> String {
    match classes {
        [first, second, ..] => format!("{second}{ARROW}{first}=5"),
        _ => format!("spotted{ARROW}healthy=5"),
    }
}

fn known(classes: &[String]) -> String {
    let named = classes.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match classes.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
