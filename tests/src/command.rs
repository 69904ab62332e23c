//! Runs a program to its end, within a deadline, and keeps all that it said.

use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a program may take before the test fails instead of hanging.
pub const DEADLINE: Duration = Duration::from_secs(240);

/// What a finished program left behind.
#[derive(Clone)]
pub struct Outcome {
    /// The exit code; `None` when a signal ended the program.
    pub code: Option<i32>,
    /// Everything written to stdout.
    pub stdout: Vec<u8>,
    /// Everything written to stderr.
    pub stderr: String,
    command: String,
}

impl Outcome {
    /// Tells whether the exit code was 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// Returns stdout as text, without the white space around it.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// Returns the outcome of a program that had to succeed; panics with its output otherwise.
    #[track_caller]
    #[must_use]
    pub fn succeeded(self) -> Self {
        assert!(self.success(), "this had to succeed:\n{self:?}");
        self
    }

    /// Returns the outcome of a program that had to fail; panics with its output otherwise.
    #[track_caller]
    #[must_use]
    pub fn failed(self) -> Self {
        assert!(!self.success(), "this had to fail:\n{self:?}");
        self
    }

    /// Panics unless stderr holds `text`.
    #[track_caller]
    pub fn says(&self, text: &str) {
        assert!(self.stderr.contains(text), "stderr should say {text:?}:\n{self:?}");
    }

    /// Panics unless stderr holds one of `texts`.
    #[track_caller]
    pub fn says_one_of(&self, texts: &[&str]) {
        assert!(
            texts.iter().any(|text| self.stderr.contains(text)),
            "stderr should say one of {texts:?}:\n{self:?}"
        );
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.stdout[..self.stdout.len().min(4096)];
        write!(
            f,
            "$ {}\nexit code {:?}\n--- stdout, {} bytes\n{}\n--- stderr\n{}\n---",
            self.command,
            self.code,
            self.stdout.len(),
            String::from_utf8_lossy(shown),
            self.stderr
        )
    }
}

/// Runs `command` with `input` on its stdin; panics when it takes longer than [`DEADLINE`].
#[track_caller]
pub fn run(command: &mut Command, input: &[u8]) -> Outcome {
    let shown = show(command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap_or_else(|error| missing(command.get_program(), &error));
    finish(child, input, shown)
}

/// Waits for a child whose stdio is piped; see [`run`].
#[track_caller]
pub fn finish(child: Child, input: &[u8], shown: String) -> Outcome {
    // A program that does not want its input has every right not to read it.
    feed(child, shown, |mut stdin| drop(stdin.write_all(input)))
}

/// Waits for a child whose stdio is piped, while `write` feeds its stdin; see [`run`].
#[track_caller]
pub fn feed(mut child: Child, shown: String, write: impl FnOnce(ChildStdin) + Send) -> Outcome {
    let stdin = child.stdin.take();
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(move || stdin.map(write));
        let ended = (stdout.recv_timeout(DEADLINE), stderr.recv_timeout(DEADLINE));
        let (Ok(stdout), Ok(stderr)) = ended else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("still running after {DEADLINE:?}: {shown}");
        };
        let status = child.wait().expect("the exit status of a child");
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Outcome { code: status.code(), stdout, stderr, command: shown }
    })
}

/// Returns the command as one would type it.
#[must_use]
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Panics with the name of the missing program: a silent skip would pass for a success.
#[track_caller]
pub fn missing(program: &OsStr, error: &std::io::Error) -> ! {
    panic!(
        "cannot run {}: {error} (Debian packages: git curl nginx-light fcgiwrap openssl wrk \
         python3-venv)",
        program.display()
    )
}

/// Writes a program. Another process does it: a child of another test's that is being made may hold
/// what we have open for writing, and a file that is open for writing cannot be executed.
#[track_caller]
pub fn write_program(path: &Path, text: &str) {
    let mut install = Command::new("install");
    let _ = run(install.args(["-m", "755", "/dev/stdin"]).arg(path), text.as_bytes()).succeeded();
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}
