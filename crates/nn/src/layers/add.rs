use serde::{Deserialize, Serialize};

use super::{LayerRule, several};
use crate::error::ShapeError;
use crate::plan::lower::{Lowering, Value};
use crate::plan::op::Op;
use crate::shape::Shape;

/// The sum of two inputs or more of one shape: `y = x₁ + x₂ + …`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {}

impl Add {
    /// The sum.
    pub fn new() -> Self {
        Self {}
    }
}

impl LayerRule for Add {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let (first, others) = several(inputs)?;
        match others.iter().find(|&&other| other != first) {
            Some(&other) => Err(ShapeError::Mismatch { wanted: "the same shape", first, other }),
            None => Ok(first),
        }
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let mut sum = inputs[0];
        for other in &inputs[1..] {
            let y = lowering.value(sum.shape);
            let (a, b) = (sum.buffer, other.buffer);
            lowering.push(Op::Add { a, b, activation: None, y: y.buffer });
            sum = y;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_what_is_alike() {
        let map = Shape::from([4, 5, 6]);
        assert_eq!(Add::new().output_shape(&[map, map, map]), Ok(map));
        assert!(matches!(
            Add::new().output_shape(&[map, [4, 5, 1].into()]),
            Err(ShapeError::Mismatch { .. })
        ));
        assert!(matches!(Add::new().output_shape(&[map]), Err(ShapeError::Inputs { found: 1, .. })));
    }
}
