//! A host reduced to the wire: it starts a server, hands memory over, sends questions and reads reports.

use std::{
    ffi::CString,
    fs,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use cell::{Program, Started, fence, profile::RUST};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
};
use wire::{
    Declaration, Layout, ParameterKind, ParameterShape, Session, Setup, TensorPlace,
    layout::arena_bytes,
    memory::{self, Arena, ArenaKind, Empty},
    message::{BYTES, Question, QuestionKind, Report},
    words,
};

/// Pairs of a batch, anchors of a lane, width of an embedding.
const BATCH: usize = 16;
const ROWS: usize = 2;
const WIDTH: usize = 8;
/// Lanes that the results have room for.
const LANES: usize = 2;
const SESSION_BYTES: usize = 1 << 20;

/// What is to be held to the wire.
pub struct Launch {
    pub worker: PathBuf,
    pub entry: PathBuf,
    pub probe: PathBuf,
    pub libraries: PathBuf,
}

/// A running server and its memory.
pub struct Host {
    started: Started,
    socket: Option<OwnedFd>,
    session: Arena,
    words: Arena,
    files: [Empty; 4],
    arenas: Option<[Arena; 4]>,
    pub layout: Layout,
    pub first: Report,
    sequence: u32,
    session_bytes: u32,
}

/// What came of a question.
#[derive(Debug)]
pub struct Ended {
    pub step: u64,
    pub report: Report,
    pub kind: words::SaidKind,
    pub number: u64,
    pub text: Vec<u8>,
}

impl Launch {
    /// Starts the server with the specimen doing `attack`, and asks it what it declares.
    pub fn ready(&self, attack: &str) -> Result<Host> {
        let mut host = self.start(&self.entry)?;
        let declared = host.declare(attack)?;
        ensure!(declared.kind == words::SaidKind::Declaration, "no declaration: {declared:?}");
        host.lay_out(attack, serde_json::from_slice(&declared.text).context("the declaration")?)?;
        Ok(host)
    }

    /// Starts the server with any bytes as its entry, and takes its first report.
    pub fn start(&self, entry: &Path) -> Result<Host> {
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let empty = |name| Empty::new(name);
        let (session, words) = (empty("session")?, empty("words")?);
        let files = [empty("a")?, empty("b")?, empty("c")?, empty("d")?];
        let null =
            || -> Result<OwnedFd> { Ok(fs::OpenOptions::new().read(true).write(true).open("/dev/null")?.into()) };
        let mut descriptors = vec![null()?, null()?, null()?, theirs, session.file().try_clone_to_owned()?];
        for file in &files {
            descriptors.push(file.file().try_clone_to_owned()?);
        }
        descriptors.push(words.file().try_clone_to_owned()?);
        for (name, path) in [("entry", entry), ("probe", &self.probe)] {
            let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            descriptors.push(memory::sealed(name, &content)?);
        }
        let text = |bytes: &[u8]| CString::new(bytes).context("a zero byte");
        let numerics = numerics::pin::ENVIRONMENT.iter().map(|(name, value)| format!("{name}={value}").into_bytes());
        let path = [b"LD_LIBRARY_PATH=", self.libraries.as_os_str().as_bytes()].concat();
        let readable = RUST.readable.iter().map(|(path, _)| PathBuf::from(path));
        // pip's libtorch finds its neighbours beside its own folder.
        let ours = [self.worker.clone(), self.libraries.clone(), self.libraries.join("../../nvidia")];
        let readable: Vec<_> = readable.chain(ours).collect();
        let program = Program {
            path: text(self.worker.as_os_str().as_bytes())?,
            arguments: vec![],
            environment: numerics.chain([path]).map(|line| text(&line)).collect::<Result<_>>()?,
            descriptors,
            limits: RUST.limits.iter().map(|(limit, value, _)| (*limit, *value)).collect(),
            landlock: fence::domain(&readable, &[])?,
            view: None,
            folder: None,
            filter: None,
        };
        let started = program.start()?;
        drop(program);
        let mut host = Host {
            started,
            socket: Some(socket),
            session: session.map(SESSION_BYTES, ArenaKind::Inputs)?,
            words: words.map(words::BYTES, ArenaKind::Results)?,
            files,
            arenas: None,
            layout: Layout::default(),
            first: Report::default(),
            sequence: 0,
            session_bytes: 0,
        };
        host.first = host.receive(300)?.context("the server ended before its first report")?;
        Ok(host)
    }
}

impl Host {
    /// Asks what the specimen declares.
    pub fn declare(&mut self, attack: &str) -> Result<Ended> {
        self.write_session(&format!(r#"{{"attack":"{attack}","rate":0.1}}"#), None)?;
        self.ask(QuestionKind::Declare, 0, 0..1)
    }

    fn lay_out(&mut self, attack: &str, declaration: Declaration) -> Result<()> {
        self.layout = Layout::new(&setup(), &declaration)?;
        let size = |places: &[TensorPlace], times: usize| arena_bytes(places) * times;
        let Layout { loss_inputs, loss_results, update_inputs, update_results } = &self.layout;
        let mut arenas = [
            self.files[0].map(size(loss_inputs, 1), ArenaKind::Inputs)?,
            self.files[1].map(size(loss_results, LANES), ArenaKind::Results)?,
            self.files[2].map(size(update_inputs, 1), ArenaKind::Inputs)?,
            self.files[3].map(size(update_results, 1), ArenaKind::Results)?,
        ];
        for (arena, places) in [(0, loss_inputs), (2, update_inputs)] {
            for place in places {
                let mut stream = numerics::Seed([1; 32]).stream(&place.name, &[]);
                let values = arenas[arena].mapping().floats_mut(place);
                values.iter_mut().for_each(|value| *value = stream.uniform(-0.5, 0.5) as f32);
            }
        }
        self.arenas = Some(arenas);
        self.write_session(&format!(r#"{{"attack":"{attack}","rate":0.1}}"#), Some(declaration))
    }

    fn write_session(&mut self, config: &str, declaration: Option<Declaration>) -> Result<()> {
        let Layout { loss_inputs, loss_results, update_inputs, update_results } = self.layout.clone();
        let (config, seed) = (config.to_owned(), "09".repeat(32));
        let session = Session {
            config,
            setup: setup(),
            seed,
            declaration,
            loss_inputs,
            loss_results,
            update_inputs,
            update_results,
        };
        let bytes = session.encode()?;
        self.session.mapping().bytes_mut()[..bytes.len()].copy_from_slice(&bytes);
        self.session_bytes = bytes.len() as u32;
        Ok(())
    }

    /// Asks, and waits for the report.
    pub fn ask(&mut self, kind: QuestionKind, step: u64, lanes: std::ops::Range<u32>) -> Result<Ended> {
        let probe = if matches!(kind, QuestionKind::Probe | QuestionKind::ProbeBehind) { lanes.start } else { 0 };
        let (inputs, results, index) = match kind {
            QuestionKind::Loss => {
                (arena_bytes(&self.layout.loss_inputs), arena_bytes(&self.layout.loss_results) * lanes.len(), 1)
            }
            QuestionKind::Update | QuestionKind::Publish => {
                (arena_bytes(&self.layout.update_inputs), arena_bytes(&self.layout.update_results), 3)
            }
            _ => (0, 0, 1),
        };
        if let Some(arenas) = &mut self.arenas {
            arenas[index].mapping().bytes_mut().fill(0);
        }
        self.words.mapping().bytes_mut().fill(0);
        self.sequence += 1;
        let question = Question {
            kind,
            sequence: self.sequence,
            step,
            epoch: 0,
            lane: lanes.start,
            lanes: lanes.end - lanes.start,
            rows: ROWS as u32,
            session_bytes: self.session_bytes,
            inputs_bytes: inputs as u64,
            results_bytes: results as u64,
            cpu_seconds: 3,
            memory_mib: 512,
            probe,
        };
        self.send(&question.encode())?;
        let report = self.receive(60)?.context("the server ended instead of reporting")?;
        let said = words::read(self.words.mapping().bytes());
        ensure!(report.sequence == self.sequence, "the report of another question: {report:?}");
        Ok(Ended { step, report, kind: said.kind, number: said.number, text: said.text.to_vec() })
    }

    /// Sends any bytes.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let socket = self.socket.as_ref().context("closed")?;
        ensure!(rustix::io::write(socket, bytes)? == bytes.len(), "a message that was cut");
        Ok(())
    }

    /// The next report; none where the server closed its end.
    pub fn receive(&mut self, seconds: i64) -> Result<Option<Report>> {
        let socket = self.socket.as_ref().context("closed")?;
        let (mut bytes, mut filled) = ([0; BYTES], 0);
        while filled < bytes.len() {
            let mut ready = [PollFd::new(socket, PollFlags::IN)];
            if poll(&mut ready, Some(&Timespec { tv_sec: seconds, tv_nsec: 0 }))? == 0 {
                bail!("no report in {seconds} s");
            }
            match rustix::io::read(socket, &mut bytes[filled..]) {
                Ok(0) | Err(rustix::io::Errno::CONNRESET) => return Ok(None),
                Ok(read) => filled += read,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(Report::decode(&bytes)?))
    }

    /// The bytes of the results of `loss`, or of `update`.
    pub fn results(&mut self, kind: QuestionKind) -> Vec<u8> {
        let index = if kind == QuestionKind::Loss { 1 } else { 3 };
        self.arenas.as_mut().map(|arenas| arenas[index].mapping().bytes().to_vec()).unwrap_or_default()
    }

    /// Closes the socket and gives the server's raw wait status.
    pub fn close(mut self) -> Result<i32> {
        self.socket = None;
        let handle = rustix::process::pidfd_open(self.started.pid(), rustix::process::PidfdFlags::empty())?;
        let mut ready = [PollFd::new(&handle, PollFlags::IN)];
        ensure!(
            poll(&mut ready, Some(&Timespec { tv_sec: 20, tv_nsec: 0 }))? == 1,
            "the server goes on without a host"
        );
        Ok(self.started.end()?.status)
    }
}

fn setup() -> Setup {
    let parameter =
        |name: &str, kind, shape: &[usize]| ParameterShape { name: name.to_owned(), kind, shape: shape.to_vec() };
    Setup {
        batch: BATCH,
        lane_rows: ROWS,
        width: WIDTH,
        samples: 100,
        steps: 20,
        epochs: 4,
        steps_per_epoch: 6,
        parameters: vec![
            parameter("a.bias", ParameterKind::Bias, &[5]),
            parameter("a.weight", ParameterKind::Matrix, &[5, 3]),
        ],
    }
}
