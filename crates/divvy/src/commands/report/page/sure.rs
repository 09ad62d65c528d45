//! Whether the model's probabilities can be believed.

use divvy::eval::Interval;
use divvy::train::RunReport;
use maud::html;

use super::Section;
use super::number::{Form, estimate, interval, number};

pub(super) fn section(report: &RunReport) -> Option<Section> {
    let how_sure = report.how_sure.as_ref()?;
    let content = html! {
        dl.figures {
            div { dt { "Off by, on average (ECE)" } dd { (estimate("/how_sure/calibration_error", how_sure.calibration_error, Form::Percent)) } }
            div { dt { "How sure, on average" } dd { (number("/how_sure/mean_confidence", how_sure.mean_confidence, Form::Percent)) } }
            @if let Some(loss) = &how_sure.log_loss {
                @let Interval { low, high } = loss.ci95;
                div {
                    dt { "Log loss" }
                    dd {
                        (number("/how_sure/log_loss/mean", loss.mean, Form::Decimals)) " "
                        (interval("/how_sure/log_loss/ci95", Interval { low, high }, Form::Decimals))
                    }
                }
            }
        }
    };
    Some(Section { id: "how-sure", title: "How sure", content })
}
