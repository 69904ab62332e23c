//! Real git, run hermetically, as the oracle: repositories in temporary directories.

#![allow(dead_code, missing_docs, unreachable_pub)]

pub mod faulty;
pub mod forge;
pub mod http;
pub mod push;
pub mod receive;
pub mod volatile;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::rc::Rc;

use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::{Engine, Limits, Repository};
use tempfile::TempDir;

pub struct Lab {
    pub dir: TempDir,
    clock: std::cell::Cell<u64>,
}

impl Lab {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            clock: 1_700_000_000.into(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn command(&self, program: &str, cwd: &str) -> Command {
        self.clock.set(self.clock.get() + 60);
        let date = format!("{} +0000", self.clock.get());
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "A")
            .env("GIT_AUTHOR_EMAIL", "a@example.com")
            .env("GIT_COMMITTER_NAME", "C")
            .env("GIT_COMMITTER_EMAIL", "c@example.com")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .env("LC_ALL", "C")
            .current_dir(self.path(cwd));
        command
    }

    pub fn git(&self, cwd: &str, args: &[&str]) -> String {
        let output = self.git_with(cwd, args, b"", &[]);
        assert!(
            output.status.success(),
            "{cwd}: git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub fn git_with(&self, cwd: &str, args: &[&str], input: &[u8], env: &[(&str, &str)]) -> Output {
        let mut child = self
            .command("git", cwd)
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("git is installed");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_vec();
        let writer = std::thread::spawn(move || _ = stdin.write_all(&input));
        let output = child.wait_with_output().expect("git ends");
        writer.join().expect("the writer ends");
        output
    }

    /// A bare repository made by fast-import, with `commits` commits on main, a merge now and
    /// then, and some files changed in each.
    pub fn history(&self, name: &str, commits: usize, init: &[&str]) {
        let mut args = vec!["init", "-q", "--bare", "-b", "main", name];
        args.extend(init);
        self.git("", &args);
        let stream = fast_import(commits);
        let output = self.git_with(name, &["fast-import", "--quiet", "--done"], &stream, &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn engine(&self) -> Rc<Engine<NativeStorage>> {
        Engine::new(NativeStorage::new(self.dir.path()), Limits::default())
    }

    pub fn open(&self, name: &str) -> Repository<NativeStorage> {
        block_on(self.engine().open(name)).expect("the repository opens")
    }
}

/// A fast-import stream: files that grow line by line in directories of three levels, a side
/// branch merged every tenth commit, an annotated tag every seventh.
pub fn fast_import(commits: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut random = 12345u64;
    let mut next = move |below: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let mut contents = vec![String::new(); 200];
    for number in 1..=commits {
        let side = number % 10 == 9;
        let branch = if side { "refs/heads/side" } else { "refs/heads/main" };
        let date = 1_700_000_000 + number * 100;
        out.extend(
            format!("commit {branch}\nmark :{number}\ncommitter C <c@example.com> {date} +0000\ndata 8\nnumber\n\n")
                .bytes(),
        );
        if number > 1 {
            // A merge takes the side branch's commit as its second parent.
            let from = if number % 10 == 0 { number - 2 } else { number - 1 };
            out.extend(format!("from :{}\n", from.max(1)).bytes());
            if number % 10 == 0 {
                out.extend(format!("merge :{}\n", number - 1).bytes());
            }
        }
        for _ in 0..3 {
            let file = next(contents.len());
            contents[file].push_str(&format!("line {} of commit {number}\n", next(1_000_000)));
            let content = &contents[file];
            out.extend(
                format!(
                    "M 644 inline d{}/e{}/f{file}.txt\ndata {}\n{content}\n",
                    file % 5,
                    file % 20,
                    content.len()
                )
                .bytes(),
            );
        }
        if number % 7 == 0 {
            out.extend(format!("tag v{number}\nfrom :{number}\ntagger T <t@example.com> {date} +0000\ndata 4\ntag\n\n").bytes());
        }
    }
    out.extend(b"done\n");
    out
}

/// A file of bytes damaged in one place: the place, and the kind of damage, differ by `step` of `steps`.
pub fn damaged(whole: &[u8], step: usize, steps: usize) -> Vec<u8> {
    let mut damaged = whole.to_vec();
    let at = step * whole.len() / steps;
    match step % 4 {
        0 => damaged.truncate(at),
        1 => damaged[at] ^= 0xff,
        2 => damaged[at] = damaged[at].wrapping_add(1),
        _ => damaged[at..(at + 4).min(whole.len())].fill(0xff),
    }
    damaged
}

pub fn write(path: &Path, content: &[u8]) {
    std::fs::write(path, content).expect("a file is written");
}

/// The bytes of band 1 in a response.
pub fn band_1(mut response: &[u8]) -> Vec<u8> {
    let mut pack = Vec::new();
    while let Some(length) = response.get(..4) {
        let length = usize::from_str_radix(str::from_utf8(length).expect("hex"), 16);
        let length = length.expect("hex").max(4);
        if response.get(4) == Some(&1) {
            pack.extend(&response[5..length]);
        }
        response = &response[length..];
    }
    pack
}
