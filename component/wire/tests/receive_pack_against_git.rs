//! Whatever head is accepted, git reads the same ref updates and push options out of it.
//!
//! The authorizer decides on what `HeadParser` saw; `git receive-pack` behind it acts on what git
//! saw. A head that the two read differently is a way around every rule, so: heads of all kinds,
//! and thousands of damaged ones, go through both. git tells what it saw through its pre-receive
//! hook, which then declines, so that one repository serves all of them.

mod real_git;

use gitwasi_wire::receive_pack::{Head, HeadParser, Progress};
use real_git::{Scratch, git, git_ok};

const EMPTY_PACK: &[u8] = b"PACK\0\0\0\x02\0\0\0\0\
    \x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";
const Z: &str = "0000000000000000000000000000000000000000";

struct Repository {
    scratch: Scratch,
    commit_id: String,
}

impl Repository {
    fn new() -> Self {
        let scratch = Scratch::new();
        git_ok(&scratch, &["init", "-q", "--bare", "-b", "main", "r.git"]);
        for (key, value) in [
            ("receive.advertisePushOptions", "true"),
            ("receive.shallowUpdate", "true"),
            ("receive.certNonceSeed", "seed"),
        ] {
            git_ok(&scratch, &["-C", "r.git", "config", key, value]);
        }
        let tree = git(&scratch, &["-C", "r.git", "mktree"], &[], b"").stdout;
        let tree = String::from_utf8(tree).expect("an oid");
        let commit_id = git_ok(&scratch, &["-C", "r.git", "commit-tree", "-m", "x", tree.trim()]);
        git_ok(&scratch, &["-C", "r.git", "update-ref", "refs/heads/main", &commit_id]);
        let hook = scratch.path().join("r.git/hooks/pre-receive");
        let seen = scratch.path().join("seen");
        let script = format!(
            "#!/bin/sh\nexec >'{}'\ncat\necho options\ni=0\n\
             while test $i -lt ${{GIT_PUSH_OPTION_COUNT:-0}}\n\
             do eval \"printf '%s\\n' \\\"\\$GIT_PUSH_OPTION_$i\\\"\"; i=$((i+1)); done\nexit 1\n",
            seen.display()
        );
        std::fs::create_dir_all(hook.parent().expect("hooks/")).expect("hooks/");
        std::fs::write(&hook, script).expect("a hook");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        }
        Self { scratch, commit_id }
    }

    /// What git's hook was told; `None` if git did not get that far.
    fn seen_by_git(&self, request: &[u8]) -> Option<Vec<u8>> {
        let seen = self.scratch.path().join("seen");
        let _ = std::fs::remove_file(&seen);
        git(&self.scratch, &["receive-pack", "--stateless-rpc", "r.git"], &[], request);
        std::fs::read(&seen).ok()
    }

    /// The same, as our parser saw it; `None` for a head that is refused or cut.
    fn seen_by_us(request: &[u8]) -> Option<(Head, Vec<u8>)> {
        let Ok(Progress::Complete { head, .. }) = HeadParser::default().push(request) else {
            return None;
        };
        let mut seen = Vec::new();
        for update in &head.ref_updates {
            seen.extend_from_slice(format!("{} {} ", update.old_oid, update.new_oid).as_bytes());
            seen.extend_from_slice(&update.name);
            seen.push(b'\n');
        }
        seen.extend_from_slice(b"options\n");
        for option in &head.push_options {
            seen.extend_from_slice(option);
            seen.push(b'\n');
        }
        Some((*head, seen))
    }

    /// Whether both got as far as to be compared.
    fn compare(&self, request: &[u8]) -> bool {
        let Some((head, ours)) = Self::seen_by_us(request) else { return false };
        let Some(gits) = self.seen_by_git(request) else { return false };
        assert_eq!(
            String::from_utf8_lossy(&ours),
            String::from_utf8_lossy(&gits),
            "{:?} read as {head:?}",
            String::from_utf8_lossy(request)
        );
        true
    }

    /// Requests that git and we both accept.
    fn requests(&self) -> Vec<Vec<u8>> {
        let c = &self.commit_id;
        let lines = |lines: &[String], rest: &[&[u8]]| -> Vec<u8> {
            let lines = lines.iter().flat_map(|line| pkt_line(line.as_bytes()));
            lines.chain(*b"0000").chain(rest.concat()).collect()
        };
        let signed = format!(
            "certificate version 0.1\npusher x\nnonce y\npush-option o\n\n\
             {c} {Z} refs/heads/main\n{Z} {c} refs/heads/new\n\
             -----BEGIN PGP SIGNATURE-----\nxxxx\n-----END PGP SIGNATURE-----\n"
        );
        let mut cert = vec!["push-cert\0push-options report-status\n".to_owned()];
        cert.extend(signed.split_inclusive('\n').map(str::to_owned));
        cert.push("push-cert-end\n".to_owned());
        vec![
            lines(&[format!("{c} {Z} refs/heads/main\0report-status")], &[]),
            lines(
                &[format!("{c} {Z} refs/heads/main\0 atomic push-options")],
                &[b"0005x0006y\n0000"],
            ),
            lines(&[format!("{c} {Z} refs/heads/main\0push-options=x")], &[b"000600000007a b0000"]),
            lines(&[format!("{Z} {c} refs/heads/new\0"), format!("{c} {Z} x\n")], &[EMPTY_PACK]),
            lines(
                &[
                    format!("shallow {c}"),
                    format!("{Z} {c} refs/heads/new\0object-format=sha1 agent=x push-options"),
                    format!("shallow {c}\n"),
                    format!("{c} {c} refs/heads/main"),
                ],
                &[b"0004000ax=y=z ", b"0000", EMPTY_PACK],
            ),
            lines(&[format!("{} {Z} refs/heads/main", c.to_uppercase())], &[]),
            lines(&[format!("{Z} {Z} HEAD")], &[]),
            lines(&[format!("{c} {Z} refs/heads/ma in \n")], &[]),
            lines(&cert, &[b"0005o0000", EMPTY_PACK]),
        ]
    }
}

fn pkt_line(data: &[u8]) -> Vec<u8> {
    [format!("{:04x}", data.len() + 4).as_bytes(), data].concat()
}

#[test]
fn git_reads_the_same_out_of_every_kind_of_head() {
    let repository = Repository::new();
    for request in repository.requests() {
        assert!(
            repository.compare(&request),
            "{:?} was not compared",
            String::from_utf8_lossy(&request)
        );
    }
}

/// Bytes overwritten, dropped, doubled and moved; lengths are put right again half of the time, so
/// that the damage gets past the pkt-lines.
#[test]
fn git_reads_the_same_out_of_damaged_heads_or_refuses_them() {
    const RUNS: usize = 1_000;
    let repository = Repository::new();
    let requests = repository.requests();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut compared = 0;
    for run in 0..RUNS {
        let mut request = requests[run % requests.len()].clone();
        for _ in 0..=random.below(2) {
            damage(&mut request, &mut random);
        }
        compared += usize::from(repository.compare(&request));
    }
    println!("{compared} of {RUNS} heads were accepted by both");
    assert!(compared > RUNS / 20, "only {compared} heads were compared");
}

fn damage(request: &mut Vec<u8>, random: &mut Random) {
    const PIECES: &[&[u8]] = &[
        b"\0",
        b"\n",
        b" ",
        b"\t",
        b"\r",
        b"0000",
        b"0001",
        b"0004",
        b"\0push-options",
        b"\n\n",
        b"push-options",
        b"push-cert",
        b"push-cert-end\n",
        b"shallow ",
        b"-----BEGIN ",
        b"-----BEGIN SSH SIGNATURE-----",
        b"object-format=sha256",
        b"=",
        b"ERR ",
        b"x",
        b"=x",
        b" y=z ",
        b"/",
        b"..",
    ];
    let at = random.below(request.len().min(600));
    let end = (at + random.below(8)).min(request.len());
    match random.below(8) {
        0 => request[at] = random.below(256) as u8,
        1 => drop(request.drain(at..end)),
        2 => {
            let piece = PIECES[random.below(PIECES.len())];
            request.splice(at..at, piece.iter().copied());
        }
        _ => {
            // Within a line, and its length follows.
            let Some((start, len)) = line_at(request, at) else { return };
            let inside = start + 4 + random.below(len - 3);
            let piece = PIECES[random.below(PIECES.len())];
            request.splice(inside..inside, piece.iter().copied());
            let header = format!("{:04x}", len + piece.len());
            request[start..start + 4].copy_from_slice(header.as_bytes());
        }
    }
}

/// Start and length, header counted, of the data pkt-line that covers `at`.
fn line_at(request: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut start = 0;
    loop {
        let header = std::str::from_utf8(request.get(start..start + 4)?).ok()?;
        let len = usize::from_str_radix(header, 16).ok()?;
        if len >= 4 && at < start + len {
            return (start + len <= request.len()).then_some((start, len));
        }
        start += len.max(4);
    }
}

/// A xorshift: the same heads on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).expect("small")
    }
}
