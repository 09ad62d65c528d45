//! `divvy bench machine`: the limits that kernels are held against.

use std::fmt::{self, Write};

use anyhow::Result;
use divvy::nn::machine::{
    Access, Caches, LevelLimits, Limits, NarrowProduct, barrier_seconds, fma_rate, narrow_rate,
};
use divvy::nn::{Cpu, HalfFormat, Isa};
use serde::Serialize;

use super::super::workload::refuse_without_room_to_measure;
use crate::Status;
use crate::args::MachineArgs;
use crate::interrupt;
use crate::terminal::Terminal;

/// What the machine can do.
#[derive(Serialize, Debug)]
struct Machine {
    caches: CacheSizes,
    /// The arithmetic of each instruction set, on each number of threads.
    arithmetic: Vec<Arithmetic>,
    /// The bandwidth of each level, on each number of threads, with the first instruction set.
    memory: Vec<Memory>,
    /// What it costs to hand out one kernel's work and to wait for it, on each number of threads.
    barriers: Vec<Barrier>,
}

/// Bytes; the first two are those of one core.
#[derive(Serialize, Debug)]
struct CacheSizes {
    l1: usize,
    l2: usize,
    l3: usize,
    /// Whether the system told them; if not, they are assumed.
    reported: bool,
}

/// Rates in billions of multiplications and additions a second, counted as two; null where there is no instruction.
#[derive(Serialize, Debug)]
struct Arithmetic {
    isa: &'static str,
    threads: usize,
    f32_gflops: f64,
    bf16_gflops: Option<f64>,
    f16_gflops: Option<f64>,
    int8_gops: Option<f64>,
}

/// Bandwidth in GB/s (10^9 bytes a second), of all threads together.
#[derive(Serialize, Debug)]
struct Memory {
    level: &'static str,
    isa: &'static str,
    threads: usize,
    /// The bytes that were gone through, of all threads together.
    bytes: usize,
    read_gb_per_s: f64,
    write_gb_per_s: f64,
    /// Bytes read and bytes written together.
    copy_gb_per_s: f64,
}

#[derive(Serialize, Debug)]
struct Barrier {
    threads: usize,
    microseconds: f64,
}

/// Measures for some seconds and prints the figures.
pub(crate) fn run(args: &MachineArgs, terminal: &mut Terminal) -> Result<Status> {
    let caches = Caches::of_this_machine();
    refuse_without_room_to_measure(&caches)?;
    let isas = args.processor.isa.map_or_else(Isa::present, |isa| vec![isa]);
    let threads = match args.processor.threads() {
        // The threads asked for are what is wanted; without, one thread beside all of them.
        all if all == 1 || args.processor.threads.threads.is_some() => vec![all],
        all => vec![1, all],
    };
    terminal.start("measuring");
    let measured = measure(caches, &isas, &threads);
    terminal.stop();
    let Some(machine) = measured else { return Ok(Status::Partial) };
    if args.json {
        terminal.print(serde_json::to_string(&machine)?);
    } else {
        terminal.print(machine.to_string().trim_end());
    }
    Ok(Status::Done)
}

/// The figures on each number of threads; none once someone asked to stop.
fn measure(caches: Caches, isas: &[Isa], threads: &[usize]) -> Option<Machine> {
    let Caches { l1, l2, l3, reported } = caches;
    let mut machine = Machine {
        caches: CacheSizes { l1, l2, l3, reported },
        arithmetic: Vec::new(),
        memory: Vec::new(),
        barriers: Vec::new(),
    };
    // Ones, so that every page is there before it is measured.
    let mut memory = vec![1.0; caches.memory_len()];
    for &threads in threads {
        for (number, &isa) in isas.iter().enumerate() {
            if interrupt::is_asked() {
                return None;
            }
            let cpu = Cpu::with_isa(isa, threads);
            machine.arithmetic.push(arithmetic(&cpu));
            if number == 0 {
                machine.memory.extend(levels(&cpu, &Limits::measure(&cpu, caches, &mut memory)));
                machine.barriers.push(Barrier { threads, microseconds: barrier_seconds(&cpu) * 1e6 });
            }
        }
    }
    Some(machine)
}

fn arithmetic(cpu: &Cpu) -> Arithmetic {
    let narrow = |product| narrow_rate(cpu, product).map(|rate| rate / 1e9);
    Arithmetic {
        isa: cpu.isa().name(),
        threads: cpu.threads(),
        f32_gflops: fma_rate(cpu) / 1e9,
        bf16_gflops: narrow(NarrowProduct::Half(HalfFormat::Bf16)),
        f16_gflops: narrow(NarrowProduct::Half(HalfFormat::F16)),
        int8_gops: narrow(NarrowProduct::Int8),
    }
}

fn levels(cpu: &Cpu, limits: &Limits) -> Vec<Memory> {
    let level = |level: &LevelLimits| Memory {
        level: level.level.name(),
        isa: cpu.isa().name(),
        threads: cpu.threads(),
        bytes: level.bytes,
        read_gb_per_s: level.read / 1e9,
        write_gb_per_s: level.write / 1e9,
        copy_gb_per_s: level.copy / 1e9,
    };
    limits.levels.iter().map(level).collect()
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CacheSizes { l1, l2, l3, reported } = self.caches;
        let origin = if reported { "" } else { " (partly assumed: the system does not tell)" };
        writeln!(f, "caches: {} and {} a core, {} shared{origin}\n", size(l1), size(l2), size(l3))?;
        writeln!(
            f,
            "{:<10} {:>7} {:>12} {:>13} {:>12} {:>12}",
            "isa", "threads", "f32 GFLOP/s", "bf16 GFLOP/s", "f16 GFLOP/s", "int8 Gop/s"
        )?;
        let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"));
        for row in &self.arithmetic {
            let Arithmetic { isa, threads, f32_gflops, bf16_gflops, f16_gflops, int8_gops } = row;
            let [bf16, f16, int8] = [*bf16_gflops, *f16_gflops, *int8_gops].map(rate);
            writeln!(f, "{isa:<10} {threads:>7} {f32_gflops:>12.1} {bf16:>13} {f16:>12} {int8:>12}")?;
        }
        let [read, write, copy] = Access::ALL.map(|access| format!("{} GB/s", access.name()));
        writeln!(f, "\n{:<10} {:>7} {:>12} {read:>13} {write:>12} {copy:>12}", "memory", "threads", "bytes")?;
        for row in &self.memory {
            let Memory { level, threads, bytes, read_gb_per_s, write_gb_per_s, copy_gb_per_s, .. } = row;
            let bytes = size(*bytes);
            writeln!(
                f,
                "{level:<10} {threads:>7} {bytes:>12} {read_gb_per_s:>13.1} {write_gb_per_s:>12.1} {copy_gb_per_s:>12.1}"
            )?;
        }
        writeln!(f)?;
        for Barrier { threads, microseconds } in &self.barriers {
            let plural = if *threads == 1 { "" } else { "s" };
            writeln!(
                f,
                "handing out work and waiting for it, {threads} thread{plural}: {microseconds:.2} microseconds"
            )?;
        }
        Ok(())
    }
}

/// Bytes as `48 KiB` or `16 MiB`.
fn size(bytes: usize) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match bytes {
        bytes if bytes >= 1 << 20 => write!(text, "{} MiB", bytes >> 20),
        bytes => write!(text, "{} KiB", bytes >> 10),
    };
    text
}

#[cfg(test)]
mod tests {
    use divvy::nn::machine::Level;

    use super::*;

    #[test]
    fn the_figures_stand_in_columns() {
        let memory = |level: Level, bytes, rate| Memory {
            level: level.name(),
            isa: "avx512",
            threads: 2,
            bytes,
            read_gb_per_s: rate,
            write_gb_per_s: rate / 2.0,
            copy_gb_per_s: rate / 4.0,
        };
        let machine = Machine {
            caches: CacheSizes { l1: 48 << 10, l2: 1 << 20, l3: 32 << 20, reported: true },
            arithmetic: vec![
                Arithmetic {
                    isa: "avx512",
                    threads: 1,
                    f32_gflops: 260.0,
                    bf16_gflops: Some(480.5),
                    f16_gflops: Some(519.75),
                    int8_gops: Some(1e3),
                },
                Arithmetic {
                    isa: "portable",
                    threads: 2,
                    f32_gflops: 60.25,
                    bf16_gflops: None,
                    f16_gflops: None,
                    int8_gops: None,
                },
            ],
            memory: vec![memory(Level::L1, 48 << 10, 1000.0), memory(Level::Dram, 128 << 20, 20.0)],
            barriers: vec![
                Barrier { threads: 1, microseconds: 0.0 },
                Barrier { threads: 2, microseconds: 0.456 },
            ],
        };
        let expected = "\
caches: 48 KiB and 1 MiB a core, 32 MiB shared

isa        threads  f32 GFLOP/s  bf16 GFLOP/s  f16 GFLOP/s   int8 Gop/s
avx512           1        260.0         480.5        519.8       1000.0
portable         2         60.2             -            -            -

memory     threads        bytes     read GB/s   write GB/s    copy GB/s
L1               2       48 KiB        1000.0        500.0        250.0
DRAM             2      128 MiB          20.0         10.0          5.0

handing out work and waiting for it, 1 thread: 0.00 microseconds
handing out work and waiting for it, 2 threads: 0.46 microseconds
";
        assert_eq!(machine.to_string(), expected);
    }
}
