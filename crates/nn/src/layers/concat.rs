use serde::{Deserialize, Serialize};

use super::{LayerRule, several};
use crate::error::ShapeError;
use crate::plan::lower::{Lowering, Value};
use crate::plan::op::Op;
use crate::shape::Shape;

/// Two inputs or more one after the other along the channels; height and width must agree.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concat {}

impl Concat {
    /// The concatenation along channels.
    pub fn new() -> Self {
        Self {}
    }
}

impl LayerRule for Concat {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let (first, others) = several(inputs)?;
        others.iter().try_fold(first, |joined, &other| match (joined, other) {
            (Shape::Map { height, width, channels }, Shape::Map { height: h, width: w, channels: c })
                if (height, width) == (h, w) =>
            {
                Shape::map(height, width, channels.saturating_add(c))
            }
            (Shape::Vector { features }, Shape::Vector { features: more }) => {
                Shape::vector(features.saturating_add(more))
            }
            _ => Err(ShapeError::Mismatch { wanted: "the same height and width", first, other }),
        })
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let joined = lowering.output();
        let (rows, width) = (lowering.rows(joined.shape), joined.shape.channels());
        let mut offset = 0;
        for x in inputs {
            let channels = x.shape.channels();
            lowering.push(Op::PutChannels { rows, channels, width, offset, x: x.buffer, y: joined.buffer });
            offset += channels;
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_add_up() {
        let joined = Concat::new().output_shape(&[[4, 5, 6].into(), [4, 5, 1].into(), [4, 5, 3].into()]);
        assert_eq!(joined, Ok([4, 5, 10].into()));
        assert_eq!(Concat::new().output_shape(&[[7].into(), [8].into()]), Ok([15].into()));
    }

    #[test]
    fn positions_must_agree() {
        for other in [Shape::from([5, 4, 6]), Shape::from([6])] {
            assert!(matches!(
                Concat::new().output_shape(&[[4, 5, 6].into(), other]),
                Err(ShapeError::Mismatch { .. })
            ));
        }
    }
}
