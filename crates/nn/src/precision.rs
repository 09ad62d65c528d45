//! The numbers that a network computes with.

use divvy_kernels::Cpu;
use divvy_kernels::machine::Bf16Rates;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The numbers that convolutions multiply. Whatever is in memory, all sums, and all other layers are `f32` with either.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 24 bits of precision: the default.
    #[default]
    F32,
    /// 8 bits of precision and the range of `f32`, two products at once: only where that is faster.
    Bf16,
}

/// Why a machine does not compute with bf16.
#[derive(Clone, Copy, PartialEq, Debug, Error)]
pub enum PrecisionError {
    /// It has no instruction for it.
    #[error("bf16: this processor has no dot product of bf16 that goes with {isa}; compute with f32")]
    Absent {
        /// The instruction set in use.
        isa: &'static str,
    },
    /// It has, and would be slower by it.
    #[error(
        "bf16: its dot product runs at {:.0} GFLOP/s a thread here, and f32 at {:.0}: it would cost accuracy and gain no time; \
         compute with f32",
        .0.bf16 / 1e9, .0.f32 / 1e9
    )]
    Slower(Bf16Rates),
}

/// By how many times faster bf16 must be: rounding takes time, too.
const WORTHWHILE: f64 = 1.1;

impl Precision {
    /// `f32` or `bf16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    /// Lets a processor compute so. For bf16 both rates are measured, which takes some ten milliseconds.
    ///
    /// # Errors
    /// [`PrecisionError`] where bf16 is not there, or not faster than `f32`.
    pub fn on(self, cpu: Cpu) -> Result<Cpu, PrecisionError> {
        match self {
            Self::F32 => Ok(cpu),
            Self::Bf16 => {
                let absent = PrecisionError::Absent { isa: cpu.isa().name() };
                let bf16 = cpu.isa().bf16().ok_or(absent)?;
                faster(Bf16Rates::measure(cpu.isa()).ok_or(absent)?)?;
                Ok(cpu.with_bf16(bf16))
            }
        }
    }
}

fn faster(rates: Bf16Rates) -> Result<(), PrecisionError> {
    if rates.bf16 >= WORTHWHILE * rates.f32 { Ok(()) } else { Err(PrecisionError::Slower(rates)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn bf16_is_refused_where_it_is_not_faster() {
        assert_eq!(faster(Bf16Rates { f32: 260e9, bf16: 487e9 }), Ok(()));
        let error = faster(Bf16Rates { f32: 170e9, bf16: 80e9 }).unwrap_err().to_string();
        assert!(error.contains("at 80 GFLOP/s") && error.contains("f32 at 170"), "{error}");
        assert!(faster(Bf16Rates { f32: 170e9, bf16: 171e9 }).is_err());
    }

    #[test]
    fn bf16_is_refused_where_there_is_none() {
        let error = Precision::Bf16.on(Cpu::with_isa(Isa::PORTABLE, 1)).unwrap_err();
        assert_eq!(error, PrecisionError::Absent { isa: "portable" });
        assert!(Precision::F32.on(Cpu::with_isa(Isa::PORTABLE, 1)).is_ok_and(|cpu| cpu.bf16().is_none()));
    }
}
