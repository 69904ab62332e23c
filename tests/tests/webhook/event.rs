//! What is in an event.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::time::Duration;

use e2e::cell::Scenario;
use e2e::http::pkt_line;
use e2e::{Backend, Cell, Request, Setup, command, process, scenario};
use serde_json::json;

use crate::receiver::{Receiver, refs};
use crate::{Hooked, hooked};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(tells_who_pushed_what_and_is_signed),
    scenario!(tells_each_kind_of_ref_update),
    scenario!(has_no_ref_that_was_refused),
    scenario!(of_many_refs_has_them_all),
    scenario!(without_a_report_tells_what_was_asked_for),
    scenario!(of_a_delete_tells_what_the_ref_was_at),
    scenario!(is_sent_even_if_the_pusher_leaves),
    scenario!(of_a_push_that_is_cut_short_is_not_sent),
];

/// The end of an empty pack: version 2, no object, and its checksum.
const EMPTY_PACK: &[u8] = b"PACK\0\0\0\x02\0\0\0\0\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\
    \xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";

fn tells_who_pushed_what_and_is_signed(cell: Cell) {
    let receiver = Receiver::start(|_| 200);
    let scratch = e2e::Scratch::new();
    let secret = scratch.join("secret");
    std::fs::write(&secret, "a secret\n").unwrap();
    let setup = Setup::default().user("alice", "password");
    let setup = setup.argument("--webhook-secret-file").argument(&secret);
    let hooked = Hooked::start(cell, &receiver.url(), setup);
    let old = hooked.repository.oid("main");
    let new = hooked.world.clone_at("copy/.git").commit("main", "new", b"new\n");
    let url = hooked.server.url_as("alice", "password", "app.git");
    let push = ["push", "--quiet", "-o", "ci.skip", "-o", "caf\u{e9}", &url, "main"];
    hooked.world.within("copy").run(push);

    let delivery = receiver.delivery();
    assert!(delivery.head.starts_with("POST /hooks/git?x=1 HTTP/1.1\n"), "{}", delivery.head);
    assert_eq!(delivery.header("content-type"), Some("application/json"));
    assert_eq!(delivery.header("x-gitwasi-event"), Some("push"));
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-hmac", "a secret", "-r"]);
    let signed = command::run(&mut openssl, &delivery.body).succeeded().text();
    let signature = delivery.header("x-gitwasi-signature-256").unwrap();
    assert_eq!(signature.strip_prefix("sha256="), signed.split(' ').next());

    let event = delivery.event();
    assert_eq!(event["repository"], "app.git");
    assert_eq!(event["pusher"], "alice");
    assert_eq!(event["address"], "127.0.0.1");
    assert_eq!(event["confirmed"], true);
    assert_eq!(event["push_options"], json!(["ci.skip", "caf\u{e9}"]));
    assert_eq!(
        event["ref_updates"],
        json!([{ "ref": "refs/heads/main", "old_oid": old, "new_oid": new }])
    );
    assert_eq!(event["id"].as_str().unwrap().len(), 32);
    let date = command::run(Command::new("date").args(["-u", "+%Y-%m-%dT"]), b"").succeeded();
    let time = event["time"].as_str().unwrap();
    assert!(time.starts_with(&date.text()) && time.ends_with('Z'), "{time}");
}

fn tells_each_kind_of_ref_update(cell: Cell) {
    let (hooked, receiver) = hooked(cell);
    let copy = hooked.world.within("copy");
    let (main, side) = (hooked.repository.oid("main"), hooked.repository.oid("side"));
    let zero = "0".repeat(main.len());
    let url = hooked.server.url("app");
    // The engine names files in UTF-8, and so refs.
    let odd = (cell.backend == Backend::GitProcess)
        .then(|| OsStr::from_bytes(b"main:refs/heads/caf\xe9"));
    let refspecs = ["+origin/side:main", ":side", "main:new/ü"].map(OsStr::new);
    let push = ["push", "--quiet", &url].map(OsStr::new);
    copy.run(push.into_iter().chain(refspecs).chain(odd));
    let event = receiver.event();
    assert_eq!(event["repository"], "app");
    assert_eq!(event["pusher"], json!(null));
    let updates: BTreeSet<_> =
        event["ref_updates"].as_array().unwrap().iter().map(ToString::to_string).collect();
    let expected = [
        json!({ "ref": "refs/heads/main", "old_oid": main, "new_oid": side }),
        json!({ "ref": "refs/heads/side", "old_oid": side, "new_oid": zero }),
        json!({ "ref": "refs/heads/new/ü", "old_oid": zero, "new_oid": main }),
        json!({ "ref": { "hex": "726566732f68656164732f636166e9" }, "old_oid": zero,
            "new_oid": main }),
    ];
    let expected = expected.iter().take(refspecs.len() + odd.iter().count());
    assert_eq!(updates, expected.map(ToString::to_string).collect());
}

fn has_no_ref_that_was_refused(cell: Cell) {
    let (hooked, receiver) = hooked(cell);
    hooked.repository.set("receive.denyDeletes", "true");
    let copy = hooked.world.within("copy");
    let url = hooked.server.url("app.git");
    copy.refused(["push", &url, ":side"]).says("deletion prohibited");
    copy.refused(["push", &url, ":side", "main:new"]).says("deletion prohibited");
    copy.refused(["push", "--atomic", &url, ":side", "main:newer"]).says("atomic");
    copy.run(["push", "--quiet", &url, "main:newest"]);
    // In order: the refused pushes have no event.
    assert_eq!(refs(&receiver.event()), ["refs/heads/new"]);
    assert_eq!(refs(&receiver.event()), ["refs/heads/newest"]);
}

fn of_many_refs_has_them_all(cell: Cell) {
    const REFS: usize = 5_000;
    let (hooked, receiver) = hooked(cell);
    let copy = hooked.world.within("copy");
    let oid = copy.run(["rev-parse", "main"]);
    let update = |number| format!("create refs/many/a-name-that-is-long-{number:05} {oid}\n");
    let updates: String = (0..REFS).map(update).collect();
    let _ = copy.feed(["update-ref", "--stdin"], updates.as_bytes()).succeeded();
    copy.run(["push", "--quiet", &hooked.server.url("app.git"), "refs/many/*:refs/many/*"]);
    let event = receiver.event();
    assert_eq!(event["confirmed"], true);
    let told: BTreeSet<_> = refs(&event).into_iter().collect();
    assert_eq!(told.len(), REFS);
}

/// A push that creates a branch at what is there already.
fn creates(hooked: &Hooked, branch: &str, capabilities: &str) -> Request {
    let oid = hooked.repository.oid("main");
    let zero = "0".repeat(oid.len());
    let command = format!("{zero} {oid} refs/heads/{branch}\0{capabilities}");
    let body = [pkt_line(&command).as_bytes(), b"0000", EMPTY_PACK].concat();
    Request::service("/app.git", "git-receive-pack", &body)
}

fn without_a_report_tells_what_was_asked_for(cell: Cell) {
    let (hooked, receiver) = hooked(cell);
    for (branch, capabilities) in [("new", ""), ("newer", "side-band-64k")] {
        let _ = hooked.server.ask(&creates(&hooked, branch, capabilities)).expect(200);
        assert!(hooked.repository.has(branch));
        let event = receiver.event();
        assert_eq!(event["confirmed"], false);
        assert_eq!(refs(&event), [format!("refs/heads/{branch}")]);
    }
}

fn of_a_delete_tells_what_the_ref_was_at(cell: Cell) {
    let (hooked, receiver) = hooked(cell);
    let was = hooked.repository.oid("side");
    let (zero, unknown) = ("0".repeat(was.len()), "1".repeat(was.len()));
    let delete = |name: &str, capabilities: &str| {
        pkt_line(&format!("{unknown} {zero} refs/heads/{name}{capabilities}"))
    };
    let body = delete("nope", "\0report-status") + &delete("side", "") + "0000";
    let request = Request::service("/app.git", "git-receive-pack", body.as_bytes());
    let report = hooked.server.ask(&request).expect(200).text();
    assert!(report.contains("ok refs/heads/nope") && report.contains("ok refs/heads/side"));
    let event = receiver.event();
    assert_eq!(event["confirmed"], true);
    // Git takes the client's word for what it deletes, and so who reads its report has no other.
    if cell.backend == Backend::GitProcess {
        assert_eq!(event["ref_updates"][0]["old_oid"], *unknown);
    } else {
        assert_eq!(refs(&event), ["refs/heads/side"]);
        assert_eq!(event["ref_updates"][0]["old_oid"], *was);
    }
}

fn is_sent_even_if_the_pusher_leaves(cell: Cell) {
    const PUSHES: u64 = 24;
    let (hooked, receiver) = hooked(cell);
    for number in 0..PUSHES {
        let push = creates(&hooked, &format!("left-{number}"), "report-status side-band-64k");
        let mut connection = hooked.server.connect();
        connection.send(&push.bytes()).unwrap();
        // The client leaves at another moment each time: before, while or after refs are moved.
        std::thread::sleep(Duration::from_millis(number * 2));
    }
    hooked.push("last");
    let idle = || process::descendants(hooked.server.pid()).is_empty();
    assert!(process::eventually(Duration::from_secs(10), idle));
    let mut told = BTreeSet::new();
    while let Some(delivery) = receiver.within(Duration::from_secs(3)) {
        told.extend(refs(&delivery.event()).into_iter().map(str::to_owned));
    }
    let refs = hooked.repository.git().run(["for-each-ref", "--format=%(refname)"]);
    let moved: Vec<_> = refs.lines().filter(|name| name.contains("/left-")).collect();
    assert!(!moved.is_empty(), "every client has left too early");
    assert!(moved.iter().all(|name| told.contains(*name)), "{moved:?} but told {told:?}");
}

fn of_a_push_that_is_cut_short_is_not_sent(cell: Cell) {
    let (hooked, receiver) = hooked(cell);
    let whole = creates(&hooked, "cut", "report-status side-band-64k").bytes();
    for missing in [1, 20, 40] {
        let mut connection = hooked.server.connect();
        connection.send(&whole[..whole.len() - missing]).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    hooked.push("last");
    assert!(!hooked.repository.has("cut"));
    assert_eq!(refs(&receiver.event()), ["refs/heads/last"]);
    assert!(receiver.within(Duration::from_secs(1)).is_none());
}
