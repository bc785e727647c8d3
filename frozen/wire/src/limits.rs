//! How long and how large an answer may be, beyond what a protocol says. One home for every grace factor.
//!
//! A protocol's `worker.cpu_seconds` is the limit of one answer's CPU time. An answer past it came *late*: twice
//! late is inconclusive, since that depends on the machine. At [`CPU_GRACE`] times the limit the kernel ends the
//! cell: twice so fails. By the clock on the wall a cell gets [`WALL_GRACE`] times that, so that a busy machine is
//! no reason; after it the server ends the cell, which stood still. A question with several lanes gets all of this
//! for each lane.

use records::v1::protocol::WorkerLimits;

/// Times its CPU limit that an answer may use before it is ended.
pub const CPU_GRACE: u64 = 3;
/// Times the CPU time at which it would be ended that an answer may take by the clock on the wall.
pub const WALL_GRACE: u64 = 2;
/// Seconds by the clock on the wall, beyond the cell's own, after which a silent server has failed.
pub const SERVER_SECONDS: u64 = 60;
/// Seconds that a server may take to start, on a machine under load.
pub const START_SECONDS: u64 = 300;
/// Bytes of the largest entry.
pub const ENTRY_BYTES_MAX: usize = 64 << 20;

/// CPU seconds after which a cell with so many lanes is ended.
#[must_use]
pub fn cpu_seconds(limits: &WorkerLimits, lanes: u32) -> u64 {
    u64::from(limits.cpu_seconds) * u64::from(lanes.max(1)) * CPU_GRACE
}

/// Seconds by the clock on the wall after which the server ends it.
#[must_use]
pub fn wall_seconds(cpu_seconds: u64) -> u64 {
    cpu_seconds * WALL_GRACE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_has_its_time() {
        let limits = WorkerLimits { cpu_seconds: 10, memory_mib: 1, cell_lanes_max: 1 };
        assert_eq!([cpu_seconds(&limits, 1), cpu_seconds(&limits, 4), cpu_seconds(&limits, 0)], [30, 120, 30]);
        assert_eq!(wall_seconds(30), 60);
    }
}
