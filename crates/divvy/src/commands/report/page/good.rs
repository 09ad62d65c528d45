//! How often the model is right.

use divvy::eval::{ConfusionMatrix, ExclusiveReport, Interval, MultiLabelReport, Report};
use divvy::train::{Against, GroupFigures, HowGood, RunReport};
use maud::{Markup, html};

use super::curves::curves;
use super::number::{Form, estimate, interval, number, optional};
use super::{Section, table};

/// Beyond this many groups a matrix is no longer read, and the commonest mistakes say more.
const WIDEST: usize = 30;

pub(super) fn section(report: &RunReport) -> Section {
    let how_good = &report.how_good;
    let content = html! {
        (headline(how_good))
        @if let Some(against) = &report.against { (beside(against)) }
        (groups(how_good))
        @match &how_good.metrics {
            Report::Exclusive(exclusive) => { (confusion(exclusive)) }
            Report::MultiLabel(labels) => { (decisions(labels)) }
        }
        @if !how_good.curves.is_empty() { (curves(&how_good.curves)) }
    };
    Section { id: "how-good", title: "How good", content }
}

/// The figures of the whole.
fn headline(how_good: &HowGood) -> Markup {
    let figures = match &how_good.metrics {
        Report::Exclusive(report) => of_groups(report, how_good),
        Report::MultiLabel(report) => of_labels(report),
    };
    html! {
        dl.figures {
            @for (name, figure) in figures { div { dt { (name) } dd { (figure) } } }
        }
        p.note { "In brackets: the 95 % interval, which covers the true figure 95 times in 100." }
    }
}

fn of_groups(report: &ExclusiveReport, how_good: &HowGood) -> Vec<(&'static str, Markup)> {
    let always = how_good.majority_group.as_deref().unwrap_or_default();
    vec![
        (
            "Accuracy",
            html! {
                (number("/how_good/accuracy", report.accuracy, Form::Percent)) " "
                (interval("/how_good/accuracy_ci95", report.accuracy_ci95, Form::Percent))
            },
        ),
        (
            "Always the commonest group",
            html! {
                (number("/how_good/majority_baseline", report.majority_baseline, Form::Percent))
                " " span.interval { bdi { (always) } }
            },
        ),
        (
            "Balanced accuracy",
            html! {
                (number("/how_good/balanced_accuracy", report.balanced_accuracy, Form::Percent)) " "
                (interval("/how_good/balanced_accuracy_ci95", report.balanced_accuracy_ci95, Form::Percent))
            },
        ),
        ("Correlation (MCC)", with_interval("mcc", report.mcc, report.mcc_ci95)),
        ("F1, mean of groups", with_interval("f1_macro", report.f1_macro, report.f1_macro_ci95)),
    ]
}

/// A figure that may be undefined, with its interval.
fn with_interval(name: &str, value: Option<f64>, ci95: Option<Interval>) -> Markup {
    let key = format!("/how_good/{name}");
    html! {
        (optional(&key, value, Form::Decimals))
        @if let Some(ci95) = ci95 { " " (interval(&format!("{key}_ci95"), ci95, Form::Decimals)) }
    }
}

fn of_labels(report: &MultiLabelReport) -> Vec<(&'static str, Markup)> {
    vec![
        ("F1, mean of labels", with_interval("f1_macro", report.f1_macro, report.f1_macro_ci95)),
        ("F1, all decisions", with_interval("f1_micro", report.f1_micro, report.f1_micro_ci95)),
        ("F1, mean of pictures", with_interval("f1_samples", report.f1_samples, report.f1_samples_ci95)),
        (
            "Mean average precision",
            with_interval(
                "mean_average_precision",
                report.mean_average_precision,
                report.mean_average_precision_ci95,
            ),
        ),
        (
            "Exactly the right labels",
            html! {
                (number("/how_good/exact_match", report.exact_match, Form::Percent)) " "
                (interval("/how_good/exact_match_ci95", report.exact_match_ci95, Form::Percent))
            },
        ),
        (
            "Always the commonest labels",
            number("/how_good/majority_baseline", report.majority_baseline, Form::Percent),
        ),
        ("Wrong decisions (Hamming)", number("/how_good/hamming_loss", report.hamming_loss, Form::Percent)),
    ]
}

/// This model beside another.
fn beside(against: &Against) -> Markup {
    let key = |name: &str| format!("/against/{name}");
    html! {
        h3 { "Beside " bdi { (against.run.display()) } }
        dl.figures {
            div { dt { "Accuracy of the other" } dd { (estimate(&key("accuracy"), Some(against.accuracy), Form::Percent)) } }
            div { dt { "This less the other, in points" } dd { (estimate(&key("difference"), Some(against.difference), Form::Points)) } }
            div { dt { "Only this is right" } dd { (number(&key("only_this_right"), against.only_this_right, Form::Count)) } }
            div { dt { "Only the other is right" } dd { (number(&key("only_other_right"), against.only_other_right, Form::Count)) } }
            div { dt { "p (McNemar, mid-p)" } dd { (number(&key("p"), against.p, Form::Figure)) } }
        }
    }
}

fn groups(how_good: &HowGood) -> Markup {
    let row = |(index, group): (usize, &GroupFigures)| {
        let key = |name: &str| format!("/how_good/groups/{index}/{name}");
        html! {
            tr {
                th scope="row" { bdi { (group.group) } }
                td { (number(&key("support"), group.support, Form::Count)) }
                td { (number(&key("given"), group.given, Form::Count)) }
                td { (estimate(&key("recall"), group.recall, Form::Percent)) }
                td { (estimate(&key("precision"), group.precision, Form::Percent)) }
                td { (estimate(&key("f1"), group.f1, Form::Decimals)) }
            }
        }
    };
    let rows: Vec<Markup> = how_good.groups.iter().enumerate().map(row).collect();
    html! {
        h3 { "Each group" }
        p.note {
            "Found is the recall: the share of a group's pictures that were given it. Right is the precision: the share of the pictures given a group that "
            "belong to it. F1 is their harmonic mean."
        }
        (table("How often each group is right", &["Group", "Pictures", "Answered", "Found", "Right", "F1"], &rows))
    }
}

/// Which group was taken for which.
fn confusion(report: &ExclusiveReport) -> Markup {
    if report.classes.len() > WIDEST {
        return html! {};
    }
    html! {
        h3 { "Which group is taken for which" }
        div.wide role="region" aria-label="Confusion matrix" tabindex="0" {
            table.matrix {
                caption { "A row for each true group, a column for each answer: how many pictures, and the share of the row" }
                thead {
                    tr {
                        th scope="col" { "True group" }
                        @for class in &report.classes { th scope="col" { bdi { (class) } } }
                    }
                }
                tbody {
                    @for (row, (class, counts)) in report.classes.iter().zip(report.confusion_matrix.rows()).enumerate() {
                        tr {
                            th scope="row" { bdi { (class) } }
                            @for (column, &count) in counts.iter().enumerate() { (cell(row, column, count, counts.iter().sum())) }
                        }
                    }
                }
            }
        }
    }
}

/// A count with its share of the row, the darker the larger.
fn cell(row: usize, column: usize, count: usize, whole: usize) -> Markup {
    let share = count as f64 / whole.max(1) as f64;
    let kind = if row == column { "hit" } else { "miss" };
    html! {
        td class=(kind) style=(format!("--share: {:.0}%", 60.0 * share)) {
            (number(&format!("/how_good/confusion_matrix/{row}/{column}"), count, Form::Count))
            @if whole > 0 { span.interval { (format!("{:.1} %", 100.0 * share)) } }
        }
    }
}

/// What was decided of each label.
fn decisions(report: &MultiLabelReport) -> Markup {
    let row = |(index, (label, matrix)): (usize, (&String, &ConfusionMatrix))| {
        let key = |row: usize, column: usize| format!("/how_good/confusion_matrix/{index}/{row}/{column}");
        let counts: Vec<&[usize]> = matrix.rows().collect();
        html! {
            tr {
                th scope="row" { bdi { (label) } }
                @for (row, column) in [(1, 1), (1, 0), (0, 1), (0, 0)] {
                    td { (number(&key(row, column), counts[row][column], Form::Count)) }
                }
                td { (optional(&format!("/how_good/per_class/{index}/average_precision"), report.per_class[index].average_precision, Form::Decimals)) }
            }
        }
    };
    let rows: Vec<Markup> =
        report.classes.iter().zip(&report.confusion_matrix).enumerate().map(row).collect();
    html! {
        h3 { "Each decision" }
        (table(
            "How many pictures have each label and were given it",
            &["Label", "There and given", "There, not given", "Given, not there", "Neither", "Average precision"],
            &rows,
        ))
    }
}
