//! Starting, and the errors that stop it.

use std::net::TcpListener;
use std::time::Duration;

use e2e::server::Gitwasi;
use e2e::{Request, Setup, World, process};

use crate::{assert_one_line, gitwasi};

#[test]
fn prints_the_root_the_address_and_a_clone_command_that_works() {
    let world = World::default();
    let repository = world.small("app.git");
    let server = world.serve_gitwasi(&Setup::default());
    let printed = server.printed();
    assert!(printed.contains(world.root().to_str().unwrap()), "{printed}");
    assert!(printed.contains(&format!("http://{}/", server.address())), "{printed}");
    let command = &printed[printed.find("git clone ").unwrap()..];
    let url = command.lines().next().unwrap().split(' ').nth(2).unwrap();
    world.git().run(["clone", "--quiet", "--mirror", url, "copy"]);
    assert_eq!(world.clone_at("copy").refs(), repository.refs());
}

#[test]
fn the_clone_command_works_whatever_the_name() {
    for name in ["with space.git", "it's.git", "50% & more.git", "größe.git"] {
        let world = World::default();
        world.small(name);
        let server = world.serve_gitwasi(&Setup::default());
        let printed = server.printed();
        let command = printed[printed.find("git clone ").unwrap()..].lines().next().unwrap();
        // A shell has nothing to expand in it.
        let safe = |c: char| c.is_ascii_alphanumeric() || "%/.:-_~ ".contains(c);
        assert!(command.chars().all(safe), "{command}");
        let url = command.split(' ').nth(2).unwrap();
        world.git().run(["clone", "--quiet", "--bare", url, "copy"]);
    }
}

#[test]
fn listens_in_well_under_a_second() {
    let world = World::default();
    world.small("app.git");
    let fastest = (0..5).map(|_| world.serve_gitwasi(&Setup::default()).started_in()).min();
    assert!(fastest.unwrap() < Duration::from_millis(500), "{fastest:?}");
}

#[test]
fn serves_the_working_directory_without_a_root() {
    let world = World::default();
    world.small("app.git");
    let mut command = std::process::Command::new(e2e::server::gitwasi_binary());
    command.args(["--listen", "127.0.0.1:0"]).current_dir(world.root());
    let server = Gitwasi::of_command(command).unwrap();
    assert!(server.printed().contains(world.root().to_str().unwrap()), "{server:?}");
}

#[test]
fn serves_a_root_that_is_itself_a_repository() {
    let world = World::default();
    let repository = world.small("app.git");
    let setup = Setup::default();
    let server = Gitwasi::start(repository.path(), &setup);
    let printed = server.printed();
    let url = printed[printed.find("git clone ").unwrap()..].split_whitespace().nth(2).unwrap();
    world.git().run(["clone", "--quiet", "--mirror", url, "copy"]);
    assert_eq!(world.clone_at("copy").refs(), repository.refs());
}

#[test]
fn several_listeners_all_serve() {
    let world = World::default();
    world.small("app.git");
    let listen = ["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--listen", "[::1]:0"];
    let server = world.serve_gitwasi(&Setup::default().arguments(listen));
    assert_eq!(server.addresses().len(), 3, "{server:?}");
    for &address in server.addresses() {
        let _ = e2e::Connection::open(address).ask(&Request::get("/app.git/HEAD")).expect(200);
    }
}

#[test]
fn open_pushes_are_said_loudly() {
    let world = World::default();
    world.small("app.git");
    for (flag, words) in
        [(None, "may push, without"), (Some("--allow-create"), "make repositories")]
    {
        let server = world.serve_gitwasi(&Setup::default().allow_push().arguments(flag));
        let loud = || {
            let said = format!("{}{}", server.printed(), server.log());
            said.contains("WARNING") && said.contains(words)
        };
        assert!(process::eventually(Duration::from_secs(5), loud), "{server:?}");
    }
}

#[test]
fn taken_port_is_one_line() {
    let world = World::default();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let outcome = gitwasi([world.root().to_str().unwrap(), "--listen", &address], "");
    assert_one_line(&outcome, &[&address, "in use"]);
}

#[test]
fn missing_root_is_one_line() {
    let outcome = gitwasi(["/nowhere/at/all", "--listen", "127.0.0.1:0"], "");
    assert_one_line(&outcome, &["/nowhere/at/all"]);
}

#[test]
fn root_that_is_a_file_is_one_line() {
    let world = World::default();
    let file = world.beside("file");
    std::fs::write(&file, "").unwrap();
    let outcome = gitwasi([file.to_str().unwrap(), "--listen", "127.0.0.1:0"], "");
    assert_one_line(&outcome, &[file.to_str().unwrap()]);
}

#[test]
fn missing_git_is_one_line() {
    let world = World::default();
    let root = world.root().to_str().unwrap();
    let git = "/nowhere/git";
    let outcome = gitwasi([root, "--listen", "127.0.0.1:0", "--git", git], "");
    assert_one_line(&outcome, &["git"]);
    let mut command = std::process::Command::new(e2e::server::gitwasi_binary());
    command.args([root, "--listen", "127.0.0.1:0"]).env("PATH", "/nowhere");
    assert_one_line(&e2e::command::run(&mut command, b""), &["git"]);
}

#[test]
fn old_git_is_one_line() {
    let world = World::default();
    let git = world.beside("git");
    e2e::command::write_program(&git, "#!/bin/sh\necho git version 1.8.3.1\n");
    let root = world.root().to_str().unwrap();
    let outcome = gitwasi([root, "--listen", "127.0.0.1:0", "--git", git.to_str().unwrap()], "");
    assert_one_line(&outcome, &["1.8.3"]);
}

#[test]
fn unreadable_access_file_is_one_line() {
    let world = World::default();
    let root = world.root().to_str().unwrap();
    let file = world.beside("access.toml");
    for text in
        [None, Some("nonsense"), Some("[users.a]\npassword = \"plain\"\n"), Some("reed = \"x\"\n")]
    {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let access = ["--access-file", file.to_str().unwrap()];
        let outcome = gitwasi([root, "--listen", "127.0.0.1:0"].into_iter().chain(access), "");
        assert_one_line(&outcome, &["access.toml"]);
    }
}

#[test]
fn web_hook_that_cannot_work_is_one_line() {
    let world = World::default();
    let root = world.root().to_str().unwrap();
    let (outside, inside) = (world.beside("queue"), world.root().join("sub/queue"));
    let (outside, inside) = (outside.to_str().unwrap(), inside.to_str().unwrap());
    let (none, empty) = (world.beside("none"), world.beside("empty"));
    std::fs::write(&empty, "\n").unwrap();
    let (none, empty) = (none.to_str().unwrap(), empty.to_str().unwrap());
    let http = "http://127.0.0.1:9/";
    for (options, says) in [
        (vec!["--webhook", http], "--webhook-queue"),
        (vec!["--webhook-queue", outside], "--webhook"),
        (vec!["--webhook-secret-file", empty], "--webhook"),
        (vec!["--webhook", http, "--webhook-queue", inside], "served root"),
        (vec!["--webhook", "https://127.0.0.1/", "--webhook-queue", outside], "https://127.0.0.1/"),
        (vec!["--webhook", "http://a:b@host/", "--webhook-queue", outside], "credentials"),
        (vec!["--webhook", http, "--webhook-queue", "/dev/null/x"], "/dev/null/x"),
        (vec!["--webhook", http, "--webhook-queue", outside, "--webhook-secret-file", none], none),
        (
            vec!["--webhook", http, "--webhook-queue", outside, "--webhook-secret-file", empty],
            "empty",
        ),
    ] {
        let outcome = gitwasi([root, "--listen", "127.0.0.1:0"].into_iter().chain(options), "");
        assert_one_line(&outcome, &[says]);
    }
    assert!(!world.root().join("sub").exists());
}

#[test]
fn queue_of_another_server_is_one_line() {
    let world = World::default();
    let queue = world.beside("queue");
    let options = ["--webhook", "http://127.0.0.1:9/", "--webhook-queue", queue.to_str().unwrap()];
    let _server = world.serve_gitwasi(&Setup::default().arguments(options));
    let root = world.root().to_str().unwrap();
    let outcome = gitwasi([root, "--listen", "127.0.0.1:0"].into_iter().chain(options), "");
    assert_one_line(&outcome, &["another process", queue.to_str().unwrap()]);
}

#[test]
fn nonsense_arguments_exit_with_2() {
    for arguments in [
        vec!["--no-such-flag"],
        vec!["--listen", "nonsense"],
        vec!["--listen", "127.0.0.1:99999"],
        vec!["--hooks", "perhaps"],
        vec!["--fallback", "ftp://x"],
        vec!["--trusted-proxy", "somewhere"],
        vec!["--user-header", "X-User"],
        vec!["--namespace", "../x"],
        vec!["--namespace", "a b"],
        vec!["--namespace", ""],
    ] {
        let world = World::default();
        let root = world.root().to_str().unwrap().to_owned();
        let outcome = gitwasi(std::iter::once(&*root).chain(arguments.iter().copied()), "");
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(!outcome.stderr.is_empty());
    }
}

/// Runs the rest of its arguments on a kernel that knows no system call of the given number: the
/// filter answers it with `ENOSYS`.
const WITHOUT_SYSCALL: &str = r#"
import ctypes, os, struct, sys
LD_W_ABS, JEQ_K, RET_K, ENOSYS, ALLOW = 0x20, 0x15, 0x06, 0x00050026, 0x7fff0000
program = b"".join(struct.pack("HBBI", *line) for line in [
    (LD_W_ABS, 0, 0, 0), (JEQ_K, 0, 1, int(sys.argv[1])), (RET_K, 0, 0, ENOSYS), (RET_K, 0, 0, ALLOW)])
buffer = ctypes.create_string_buffer(program, len(program))
prog = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.c_char_p(prog), 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
"#;

/// `landlock_create_ruleset`, the same on all architectures.
const LANDLOCK: &str = "444";

/// Runs `gitwasi` on a kernel without landlock.
pub(crate) fn without_landlock() -> std::process::Command {
    let mut command = std::process::Command::new("python3");
    command.args(["-c", WITHOUT_SYSCALL, LANDLOCK]).arg(e2e::server::gitwasi_binary());
    command
}

fn serving_without_landlock(world: &World, mode: &str) -> std::process::Command {
    let mut command = without_landlock();
    command.arg(world.root()).args(["--listen", "127.0.0.1:0", "--sandbox", mode]);
    command
}

#[test]
fn a_sandbox_that_is_required_and_cannot_be_had_is_one_line() {
    let world = World::default();
    let outcome = e2e::command::run(&mut serving_without_landlock(&world, "require"), b"");
    assert_one_line(&outcome, &["landlock"]);
    assert!(world.serve_gitwasi(&Setup::default().arguments(["--sandbox", "require"])).pid() > 0);
}

#[test]
fn what_the_sandbox_lacks_is_said() {
    let world = World::default();
    world.small("app.git");
    let server = Gitwasi::of_command(serving_without_landlock(&world, "best-effort")).unwrap();
    let said = || server.log().contains("no landlock");
    assert!(process::eventually(Duration::from_secs(5), said), "{server:?}");
    let setup = Setup::default().arguments(["--sandbox", "best-effort"]);
    assert!(!world.serve_gitwasi(&setup).log().contains("landlock"));
}
