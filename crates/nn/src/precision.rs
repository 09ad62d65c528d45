//! The numbers that a network computes with.

use divvy_kernels::machine::HalfRates;
use divvy_kernels::{Cpu, HalfFormat};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The numbers that convolutions multiply. Whatever is in memory, and all other layers, are `f32` with any of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 24 bits of precision: the default.
    #[default]
    F32,
    /// 8 bits of precision and the range of `f32`, two products at once: only where that is faster.
    Bf16,
    /// 11 bits of precision, two products at once, some tens of which are summed in as many bits ([`HalfFormat::F16`]): only where that is
    /// faster.
    F16,
}

/// Why a machine does not compute with numbers of 16 bits.
#[derive(Clone, Copy, PartialEq, Debug, Error)]
pub enum PrecisionError {
    /// It has no instruction for it.
    #[error("{format}: this processor has no products of {format} that go with {isa}; compute with f32")]
    Absent {
        /// What was asked for.
        format: &'static str,
        /// The instruction set in use.
        isa: &'static str,
    },
    /// It has, and would be slower by it.
    #[error(
        "{format}: its products run at {:.0} GFLOP/s a thread here, and those of f32 at {:.0}: it would cost accuracy and gain no time; \
         compute with f32",
        .rates.half / 1e9, .rates.f32 / 1e9
    )]
    Slower {
        /// What was asked for.
        format: &'static str,
        /// What was measured.
        rates: HalfRates,
    },
}

/// By how many times faster numbers of 16 bits must be: rounding takes time, too.
const WORTHWHILE: f64 = 1.1;

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::F16];

    /// `f32`, `bf16` or `f16`.
    pub fn name(self) -> &'static str {
        self.format().map_or("f32", HalfFormat::name)
    }

    /// What operands are rounded to; nothing where they stay `f32`.
    pub fn format(self) -> Option<HalfFormat> {
        match self {
            Self::F32 => None,
            Self::Bf16 => Some(HalfFormat::Bf16),
            Self::F16 => Some(HalfFormat::F16),
        }
    }

    /// Lets a processor compute so. For numbers of 16 bits both rates are measured, which takes some ten milliseconds.
    ///
    /// # Errors
    /// [`PrecisionError`] where they are not there, or not faster than `f32`.
    pub fn on(self, cpu: Cpu) -> Result<Cpu, PrecisionError> {
        let Some(format) = self.format() else { return Ok(cpu) };
        let absent = PrecisionError::Absent { format: format.name(), isa: cpu.isa().name() };
        let half = cpu.isa().half(format).ok_or(absent)?;
        faster(format, HalfRates::measure(cpu.isa(), format).ok_or(absent)?)?;
        Ok(cpu.with_half(half))
    }
}

fn faster(format: HalfFormat, rates: HalfRates) -> Result<(), PrecisionError> {
    if rates.half >= WORTHWHILE * rates.f32 {
        Ok(())
    } else {
        Err(PrecisionError::Slower { format: format.name(), rates })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn halves_are_refused_where_they_are_not_faster() {
        for format in HalfFormat::ALL {
            let check = |f32, half| faster(format, HalfRates { f32, half });
            assert_eq!(check(260e9, 487e9), Ok(()));
            let error = check(170e9, 80e9).unwrap_err().to_string();
            assert!(error.starts_with(format.name()), "{error}");
            assert!(error.contains("at 80 GFLOP/s") && error.contains("f32 at 170"), "{error}");
            assert!(check(170e9, 171e9).is_err());
        }
    }

    #[test]
    fn halves_are_refused_where_there_are_none() {
        for precision in [Precision::Bf16, Precision::F16] {
            let error = precision.on(Cpu::with_isa(Isa::PORTABLE, 1)).unwrap_err();
            assert_eq!(error, PrecisionError::Absent { format: precision.name(), isa: "portable" });
        }
        assert!(Precision::F32.on(Cpu::with_isa(Isa::PORTABLE, 1)).is_ok_and(|cpu| cpu.half().is_none()));
    }

    #[test]
    fn names_are_those_of_files_of_settings() {
        for precision in Precision::ALL {
            let written = serde_json::to_string(&precision).unwrap();
            assert_eq!(written, format!("\"{}\"", precision.name()));
        }
    }
}
