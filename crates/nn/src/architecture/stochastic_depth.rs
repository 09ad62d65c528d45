//! Stochastic depth: in training, a sample skips some of the layers that a shortcut leads around.

use super::{Architecture, ArchitectureError, Step};
use crate::landmarks::is_convolution;
use crate::layers::{Dropout, Layer};

impl Architecture {
    /// This architecture with stochastic depth (Huang et al. 2016, "Deep Networks with Stochastic Depth"): what is added to a shortcut is
    /// dropped, for each sample anew, with a probability that rises evenly from the first shortcut to the last, where it is `rate`. 0 changes nothing.
    ///
    /// # Errors
    /// [`ArchitectureError::NoShortcuts`] where no sum has a shortcut.
    pub fn stochastic_depth(mut self, rate: f32) -> Result<Self, ArchitectureError> {
        if rate == 0.0 {
            return Ok(self);
        }
        let sums = sums(&self.steps);
        if sums.is_empty() {
            return Err(ArchitectureError::NoShortcuts { origin: self.origin });
        }
        // From the last to the first, so that positions stay what they were.
        for (number, sum) in sums.iter().enumerate().rev() {
            drop_branches(&mut self.steps, sum, rate * (number + 1) as f32 / sums.len() as f32);
        }
        Ok(self)
    }
}

/// A sum with a shortcut.
struct Sum {
    /// The position of its step.
    at: usize,
    /// Which of its inputs are added to the shortcut.
    branches: Vec<usize>,
}

/// The sums with a shortcut, which is the input with the fewest layers of weights behind it; all that has more is a branch.
fn sums(steps: &[Step]) -> Vec<Sum> {
    let sources = sources(steps);
    let mut depths = vec![0; steps.len()];
    let mut sums = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let of_inputs: Vec<usize> =
            sources[at].iter().map(|source| source.map_or(0, |at| depths[at])).collect();
        let least = of_inputs.iter().copied().min().unwrap_or(0);
        let branches: Vec<usize> = (0..of_inputs.len()).filter(|&input| of_inputs[input] > least).collect();
        if matches!(step.layer, Layer::Add(_)) && !branches.is_empty() {
            sums.push(Sum { at, branches });
        }
        let weighs = is_convolution(&step.layer) || matches!(step.layer, Layer::Dense(_));
        depths[at] = of_inputs.into_iter().max().unwrap_or(0) + usize::from(weighs);
    }
    sums
}

/// What each step reads: the positions of steps before it, `None` for the pictures and for what is not there.
fn sources(steps: &[Step]) -> Vec<Vec<Option<usize>>> {
    let named = |name: &String, before: usize| {
        steps[..before].iter().rposition(|step| step.name.as_ref() == Some(name))
    };
    let of_step = |(at, step): (usize, &Step)| match &step.inputs {
        Some(names) => names.iter().map(|name| named(name, at)).collect(),
        None => vec![at.checked_sub(1)],
    };
    steps.iter().enumerate().map(of_step).collect()
}

/// Puts a step between a sum and each of its branches.
fn drop_branches(steps: &mut Vec<Step>, sum: &Sum, rate: f32) {
    let line = steps[sum.at].line;
    for (before, &branch) in sum.branches.iter().enumerate() {
        let (name, at) = (free_name(steps), sum.at + before);
        let Some(inputs) = &mut steps[at].inputs else { return };
        let read = std::mem::replace(&mut inputs[branch], name.clone());
        let layer = Dropout::new(rate).whole().into();
        steps.insert(at, Step { line, name: Some(name), inputs: Some(vec![read]), layer });
    }
}

fn free_name(steps: &[Step]) -> String {
    let is_free = |name: &String| steps.iter().all(|step| step.name.as_ref() != Some(name));
    // Of one name more than there are steps, one is free.
    let mut names = (1..=steps.len() + 1).map(|number| format!("stochastic_depth_{number}"));
    names.find(is_free).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Head, Task};

    fn dropped(architecture: Architecture, rate: f32) -> Vec<(String, String, f32)> {
        let architecture = architecture.stochastic_depth(rate).expect("it has shortcuts");
        let head = Head::for_task(Task::Binary, None, 2).expect("two classes");
        let graph = architecture.graph([64, 64, 3], &head).expect("it fits");
        let rows = graph.nodes().iter().filter_map(|node| match &node.layer {
            Layer::Dropout(Dropout { rate, whole: true }) => {
                let reader = graph
                    .nodes()
                    .iter()
                    .find(|it| it.inputs.iter().any(|&input| graph.node(input).name == node.name));
                let reader = reader.expect("an output is read");
                assert!(matches!(reader.layer, Layer::Add(_)), "{} is read by {}", node.name, reader.name);
                Some((graph.node(node.inputs[0]).name.clone(), reader.name.clone(), *rate))
            }
            _ => None,
        });
        rows.collect()
    }

    #[test]
    fn what_is_added_to_shortcuts_is_dropped_more_often_the_later_it_is() {
        let named = |name| Architecture::by_name(name).expect("it is known");
        let [first, second] = [("res1b_relu", "add", 0.1), ("res3b_relu", "add_1", 0.2)]
            .map(|(branch, sum, rate)| (branch.to_owned(), sum.to_owned(), rate));
        assert_eq!(dropped(named("resnet9_photo"), 0.2), [first, second]);
        let of_resnet18 = dropped(named("resnet18"), 0.8);
        let rates: Vec<f32> = of_resnet18.iter().map(|(_, _, rate)| *rate).collect();
        let expected = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
        assert!(rates.iter().zip(expected).all(|(rate, wanted)| (rate - wanted).abs() < 1e-6), "{rates:?}");
        assert!(of_resnet18.iter().all(|(branch, ..)| branch.ends_with("bn2")), "{of_resnet18:?}");
    }

    #[test]
    fn every_branch_of_a_sum_is_dropped_wherever_the_shortcut_stands() {
        let convolution = |name: &str, input: &str| {
            format!(
                "[[layer]]\ntype = \"conv2d\"\nname = \"{name}\"\ninputs = [\"{input}\"]\nfilters = 4\nkernel = 1\n"
            )
        };
        let layers = [("stem", "input"), ("left", "stem"), ("right", "stem")];
        let layers: String = layers.map(|(name, input)| convolution(name, input)).concat();
        for inputs in [["stem", "left", "right"], ["left", "stem", "right"], ["left", "right", "stem"]] {
            let sum = format!("[[layer]]\ntype = \"add\"\ninputs = {inputs:?}\n");
            let pool = "[[layer]]\ntype = \"global_avg_pool2d\"\n";
            let text = [&layers, &sum, pool].concat();
            let found = dropped(Architecture::from_toml(&text, "net.toml").expect("it is well formed"), 0.4);
            let expected = ["left", "right"].map(|branch| (branch.to_owned(), "add".to_owned(), 0.4));
            assert_eq!(found, expected, "{inputs:?}");
        }
    }

    #[test]
    fn a_network_without_shortcuts_is_refused_and_a_rate_of_0_changes_nothing() {
        let classic = Architecture::by_name("classic").expect("it is known");
        assert_eq!(classic.clone().stochastic_depth(0.0), Ok(classic.clone()));
        let refused = classic.stochastic_depth(0.1).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "classic: stochastic depth has nothing to drop: no sum in the network has one input with fewer layers behind it than another, a shortcut; take one that has, such as resnet9_photo, or leave it out"
        );
    }
}
