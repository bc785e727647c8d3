//! The two messages on the socket: 128 bytes each, little-endian 32-bit words, nothing of variable length.
//!
//! They are read with `read`, never `recvmsg`, so that no descriptor can travel with one. Unused words are 0. A
//! number of 64 bits is two words, the low one first. Word 0 is `mxcq` or `mxcr`, word 1 the version.
//!
//! | word | question | report |
//! |---|---|---|
//! | 2 | kind | sequence |
//! | 3 | sequence | wait status |
//! | 4, 5 | step | CPU microseconds |
//! | 6, 7 | epoch | largest resident set, KiB |
//! | 8 | first lane | stalled |
//! | 9 | lanes | threads |
//! | 10 | rows of a lane | Landlock's version |
//! | 11 | bytes of the session | |
//! | 12, 13 | bytes of the inputs | |
//! | 14, 15 | bytes of the results | |
//! | 16 | CPU seconds | |
//! | 17 | MiB of memory | |
//! | 18 | number of the probe | |

/// Changes with the form of messages, session, words or arenas.
pub const VERSION: u32 = 2;
/// Bytes of a message.
pub const BYTES: usize = 128;

const QUESTION: u32 = u32::from_le_bytes(*b"mxcq");
const REPORT: u32 = u32::from_le_bytes(*b"mxcr");

/// Bytes that are not the message they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Another first word, or another version.
    #[error("not a message of wire version {VERSION}")]
    Form,
    /// A kind that this version does not know.
    #[error("unknown kind of question {0}")]
    Kind(u32),
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionKind {
    /// Build the algorithm and say what it remembers.
    Declare = 1,
    /// One loss an anchor, and what follows from it.
    Loss = 2,
    /// New parameters and state.
    Update = 3,
    /// The parameters to evaluate.
    Publish = 4,
    /// Try one forbidden thing, with the frozen probe in the entry's place.
    Probe = 5,
    /// The same without the filter of system calls, to see what stands behind it. Only ever the frozen probe's.
    ProbeBehind = 6,
}

impl QuestionKind {
    /// The word in findings and stream keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Declare => "declare",
            Self::Loss => "loss",
            Self::Update => "update",
            Self::Publish => "publish",
            Self::Probe | Self::ProbeBehind => "probe",
        }
    }

    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Declare, Self::Loss, Self::Update, Self::Publish, Self::Probe, Self::ProbeBehind];
}

/// Host to server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub kind: QuestionKind,
    /// Counts questions of a server from 1; the report repeats it. A cell is shown 0: a count would be a memory.
    pub sequence: u32,
    /// Step of the run, from 0.
    pub step: u64,
    /// Epoch of that step.
    pub epoch: u64,
    /// First lane of a `loss` question.
    pub lane: u32,
    /// Lanes that it asks for: one cell answers them all, each with results of its own.
    pub lanes: u32,
    /// Anchors of a lane; lane `l` has those from `l * rows` on.
    pub rows: u32,
    /// Bytes of the session; a probe needs none.
    pub session_bytes: u32,
    /// Bytes of the inputs to map; 0 for none.
    pub inputs_bytes: u64,
    /// Bytes of the results to map, all lanes together; 0 for none.
    pub results_bytes: u64,
    /// CPU seconds after which the cell is ended; by the clock on the wall [`crate::limits::WALL_GRACE`] times that.
    pub cpu_seconds: u32,
    /// Address space, in MiB, beyond what server and arenas map.
    pub memory_mib: u32,
    /// Which forbidden thing a probe tries.
    pub probe: u32,
}

/// Server to host: a cell was reaped, or (sequence 0) the server is warm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// The question's, or 0 for the first report of a server.
    pub sequence: u32,
    /// The cell's raw wait status.
    pub status: i32,
    /// Its CPU time, user and system, in microseconds.
    pub cpu_micros: u64,
    /// Its largest resident set, in KiB.
    pub max_rss_kib: u64,
    /// Whether the server ended it because it stood still for too long.
    pub stalled: bool,
    /// Threads of the process when it was to be forked: anything but 1 is refused.
    pub threads: u32,
    /// Landlock's version in the domain that holds every cell; 0 where the kernel has none.
    pub landlock: u32,
}

impl Question {
    /// A question of a kind with nothing else in it.
    #[must_use]
    pub fn of(kind: QuestionKind) -> Self {
        Self {
            kind,
            sequence: 0,
            step: 0,
            epoch: 0,
            lane: 0,
            lanes: 0,
            rows: 0,
            session_bytes: 0,
            inputs_bytes: 0,
            results_bytes: 0,
            cpu_seconds: 0,
            memory_mib: 0,
            probe: 0,
        }
    }

    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; BYTES] {
        let (step, epoch) = (halves(self.step), halves(self.epoch));
        let (inputs, results) = (halves(self.inputs_bytes), halves(self.results_bytes));
        write(&[
            QUESTION,
            VERSION,
            self.kind as u32,
            self.sequence,
            step[0],
            step[1],
            epoch[0],
            epoch[1],
            self.lane,
            self.lanes,
            self.rows,
            self.session_bytes,
            inputs[0],
            inputs[1],
            results[0],
            results[1],
            self.cpu_seconds,
            self.memory_mib,
            self.probe,
        ])
    }

    /// Reads a message.
    pub fn decode(bytes: &[u8; BYTES]) -> Result<Self, MessageError> {
        let word = read(bytes, QUESTION)?;
        let kind =
            QuestionKind::ALL.into_iter().find(|kind| *kind as u32 == word[2]).ok_or(MessageError::Kind(word[2]))?;
        Ok(Self {
            kind,
            sequence: word[3],
            step: whole(word[4], word[5]),
            epoch: whole(word[6], word[7]),
            lane: word[8],
            lanes: word[9],
            rows: word[10],
            session_bytes: word[11],
            inputs_bytes: whole(word[12], word[13]),
            results_bytes: whole(word[14], word[15]),
            cpu_seconds: word[16],
            memory_mib: word[17],
            probe: word[18],
        })
    }
}

impl Report {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; BYTES] {
        let (cpu, rss) = (halves(self.cpu_micros), halves(self.max_rss_kib));
        write(&[
            REPORT,
            VERSION,
            self.sequence,
            self.status.cast_unsigned(),
            cpu[0],
            cpu[1],
            rss[0],
            rss[1],
            u32::from(self.stalled),
            self.threads,
            self.landlock,
        ])
    }

    /// Reads a message.
    pub fn decode(bytes: &[u8; BYTES]) -> Result<Self, MessageError> {
        let word = read(bytes, REPORT)?;
        Ok(Self {
            sequence: word[2],
            status: word[3].cast_signed(),
            cpu_micros: whole(word[4], word[5]),
            max_rss_kib: whole(word[6], word[7]),
            stalled: word[8] != 0,
            threads: word[9],
            landlock: word[10],
        })
    }
}

fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

fn whole(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// The words, and zeroes up to the message's size.
fn write(words: &[u32]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

fn read(bytes: &[u8; BYTES], magic: u32) -> Result<[u32; BYTES / 4], MessageError> {
    let word = |at: usize| u32::from_le_bytes([bytes[4 * at], bytes[4 * at + 1], bytes[4 * at + 2], bytes[4 * at + 3]]);
    let words = std::array::from_fn(word);
    if words[0] == magic && words[1] == VERSION { Ok(words) } else { Err(MessageError::Form) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_messages_round_trip() {
        for kind in QuestionKind::ALL {
            let question = Question {
                kind,
                sequence: 7,
                step: u64::MAX - 1,
                epoch: 1 << 40,
                lane: 3,
                lanes: 2,
                rows: 8,
                session_bytes: 1000,
                inputs_bytes: 1 << 33,
                results_bytes: (1 << 34) + 1,
                cpu_seconds: 30,
                memory_mib: 1024,
                probe: 5,
            };
            assert_eq!(Question::decode(&question.encode()), Ok(question));
        }
        let report = Report {
            sequence: 9,
            status: -1,
            cpu_micros: 1 << 50,
            max_rss_kib: 3,
            stalled: true,
            threads: 1,
            landlock: 7,
        };
        assert_eq!(Report::decode(&report.encode()), Ok(report));
    }

    #[test]
    fn another_form_is_refused() {
        let report = Report::default().encode();
        assert_eq!(Question::decode(&report), Err(MessageError::Form));
        let mut newer = report;
        newer[4] += 1;
        assert_eq!(Report::decode(&newer), Err(MessageError::Form));
    }
}
