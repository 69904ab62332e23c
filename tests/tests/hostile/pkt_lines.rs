//! Pushes and fetches whose words try to be more than words.

use std::fs;

use e2e::http::pkt_line;
use e2e::tree::Tree;
use e2e::{Request, Setup};

use crate::{CANARY, assert_harmless, world};

#[test]
fn ref_names_stay_inside_refs() {
    let (world, repository, server) = world(&Setup::default().allow_push());
    let before = Tree::read(world.root());
    let (zero, main) = ("0".repeat(40), repository.oid("main"));
    let pack = repository.git().feed(["pack-objects", "--stdout", "-q"], b"").succeeded().stdout;
    for name in [
        "../../../canary",
        "refs/heads/../../../../canary",
        "refs/../../../outside.git/refs/heads/x",
        "/etc/passwd",
        "HEAD",
        "config",
        "refs/heads/x.lock",
        "refs/heads/.x",
        "refs/heads/x..y",
        "refs/heads/x\n[core]",
        "refs/heads/x\\y",
        "refs/heads/x~1",
        "refs/heads/\u{7f}",
        "refs/heads/",
        "refs/",
        "",
        "hooks/pre-receive",
        "objects/info/alternates",
        "-x",
        "@{-1}",
    ] {
        let command = pkt_line(&format!("{zero} {main} {name}\0report-status"));
        let body = [command.as_bytes(), b"0000", &pack].concat();
        let response = server.ask(&Request::service("/app.git", "git-receive-pack", &body));
        assert_harmless(name, &response);
        let done = response.text().contains("ok ");
        assert!(!done || name == "-x" || name == "config", "{name}: {response:?}");
        before.assert_unchanged(world.root());
    }
    assert_eq!(fs::read_to_string(world.beside("canary")).unwrap(), CANARY);
}

#[test]
fn push_options_and_agents_are_only_words() {
    let (world, repository, server) = world(&Setup::default().allow_push());
    repository.set("receive.advertisePushOptions", "true");
    let flag = world.beside("flag");
    let (zero, main) = ("0".repeat(40), repository.oid("main"));
    let pack = repository.git().feed(["pack-objects", "--stdout", "-q"], b"").succeeded().stdout;
    for (n, option) in [
        format!("$(touch {})", flag.display()),
        format!("x\ntouch {}", flag.display()),
        "GIT_DIR=/".into(),
        "\r\nX-Injected: yes".into(),
        "\u{1b}[31m".into(),
    ]
    .iter()
    .enumerate()
    {
        let capabilities =
            format!("report-status push-options agent={}", option.replace(['\n', ' '], "_"));
        let command = pkt_line(&format!("{zero} {main} refs/heads/ok-{n}\0{capabilities}"));
        let body =
            [command.as_bytes(), b"0000", pkt_line(option).as_bytes(), b"0000", &pack].concat();
        let response = server.ask(&Request::service("/app.git", "git-receive-pack", &body));
        assert_harmless(option, &response);
        assert_eq!(response.header("X-Injected"), None);
    }
    assert!(!flag.exists());
}

#[test]
fn wants_of_what_is_not_advertised_get_nothing() {
    let (_world, repository, server) = world(&Setup::default());
    let hidden = repository.commit("hidden", "hidden", CANARY.as_bytes());
    repository.git().run(["update-ref", "-d", "refs/heads/hidden"]);
    repository.set("uploadpack.allowTipSHA1InWant", "false");
    for body in [
        format!(
            "{}0000{}",
            pkt_line(&format!("want {hidden} side-band-64k\n")),
            pkt_line("done\n")
        ),
        format!("{}0000{}", pkt_line("want ../../../canary\n"), pkt_line("done\n")),
        format!("{}0000{}", pkt_line(&format!("want {}\n", "0".repeat(40))), pkt_line("done\n")),
    ] {
        let response =
            server.ask(&Request::service("/app.git", "git-upload-pack", body.as_bytes()));
        assert_harmless(&body, &response);
        assert!(!response.text().contains("PACK"), "{response:?}");
    }
}
