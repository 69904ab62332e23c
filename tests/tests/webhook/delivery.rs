//! That events arrive, whatever happens, and never at a push's cost.

use std::fs;
use std::path::Path;
use std::time::Duration;

use e2e::cell::Scenario;
use e2e::{Cell, Connection, Request, Setup, process, scenario};
use rustix::process::Signal;

use crate::receiver::{Receiver, free_address, refs};
use crate::{Hooked, hooked, serve};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(waits_for_a_receiver_that_is_down),
    scenario!(is_tried_again_when_the_receiver_fails),
    scenario!(survives_the_death_of_the_server),
    scenario!(of_a_push_that_dies_with_the_server_is_told),
    scenario!(of_a_push_that_fails_is_not_told),
    scenario!(keeps_the_order_of_one_repository_only),
    scenario!(of_what_the_receiver_refuses_is_put_aside),
    scenario!(that_cannot_be_queued_does_not_fail_the_push),
];

/// The events in a directory.
fn events(directory: &Path) -> Vec<String> {
    files(directory, ".json")
}

fn files(directory: &Path, ending: &str) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.ends_with(ending)).collect()
}

fn emptied(hooked: &Hooked) -> bool {
    process::eventually(Duration::from_secs(20), || events(&hooked.queue()).is_empty())
}

fn waits_for_a_receiver_that_is_down(cell: Cell) {
    let address = free_address();
    let hooked = Hooked::start(cell, &format!("http://{address}"), Setup::default().allow_push());
    let branches = ["one", "two", "three"];
    let _ = branches.map(|branch| hooked.push(branch));
    assert_eq!(events(&hooked.queue()).len(), 3);
    let receiver = Receiver::at(address, |_| 200);
    for branch in branches {
        assert_eq!(refs(&receiver.event()), [format!("refs/heads/{branch}")]);
    }
    assert!(emptied(&hooked));
}

fn is_tried_again_when_the_receiver_fails(cell: Cell) {
    let receiver = Receiver::start(|number| [500, 429, 302, 200][number.min(3)]);
    let hooked = Hooked::start(cell, &receiver.url(), Setup::default().allow_push());
    hooked.push("one");
    let attempts = [receiver.event(), receiver.event(), receiver.event(), receiver.event()];
    assert!(attempts.iter().all(|attempt| *attempt == attempts[0]), "{attempts:?}");
    assert!(emptied(&hooked));
    assert!(receiver.within(Duration::from_secs(2)).is_none());
}

fn survives_the_death_of_the_server(cell: Cell) {
    let address = free_address();
    let url = format!("http://{address}/");
    let hooked = Hooked::start(cell, &url, Setup::default().allow_push());
    let branches = ["one", "two"];
    let oids = branches.map(|branch| hooked.push(branch));
    process::signal(hooked.server.pid(), Signal::KILL);
    let Hooked { world, server, .. } = hooked;
    drop(server);
    let receiver = Receiver::at(address, |_| 200);
    assert!(receiver.within(Duration::from_millis(500)).is_none(), "nobody is there to send it");
    let _server = serve(&world, &url, Setup::default().allow_push());
    for (branch, oid) in branches.into_iter().zip(oids) {
        let event = receiver.event();
        assert_eq!(refs(&event), [format!("refs/heads/{branch}")]);
        assert_eq!(event["ref_updates"][0]["new_oid"], oid);
    }
}

/// Starts a push of a new branch, and goes on when it is announced but not all there.
fn begun(hooked: &Hooked, name: &str) -> (Connection, Vec<u8>) {
    let file = hooked.world.beside("push");
    let copy = hooked.world.clone_at("copy/.git");
    copy.commit(name, name, &[7; 1000]);
    copy.write_push(name, &format!("refs/heads/{name}"), &file);
    let push = Request::service("/app.git", "git-receive-pack", &fs::read(file).unwrap()).bytes();
    let mut connection = hooked.server.connect();
    let rest = push.len() - 100;
    connection.send(&push[..rest]).unwrap();
    let announced = || files(&hooked.queue(), ".announced").len() == 1;
    assert!(process::eventually(Duration::from_secs(10), announced));
    (connection, push[rest..].to_vec())
}

fn of_a_push_that_dies_with_the_server_is_told(cell: Cell) {
    let (hooked, receiver) = hooked(cell);
    let (connection, _) = begun(&hooked, "one");
    process::signal(hooked.server.pid(), Signal::KILL);
    drop(connection);
    let Hooked { world, server, .. } = hooked;
    drop(server);
    let _server = serve(&world, &receiver.url(), Setup::default().allow_push());
    let event = receiver.event();
    assert_eq!(refs(&event), ["refs/heads/one"]);
    assert_eq!(event["confirmed"], false);
    let oid = world.clone_at("copy/.git").oid("one");
    assert_eq!(event["ref_updates"][0]["new_oid"], oid);
    assert!(process::eventually(Duration::from_secs(5), || {
        files(&world.beside("queue"), "").iter().all(|name| name == "lock" || name == "failed")
    }));
}

fn of_a_push_that_fails_is_not_told(cell: Cell) {
    let (hooked, receiver) = hooked(cell);
    let (mut connection, rest) = begun(&hooked, "one");
    // The checksum of the pack is its last bytes.
    connection.send(&rest.iter().map(|byte| !byte).collect::<Vec<_>>()).unwrap();
    assert!(connection.response("POST").text().contains("unpack"));
    let none = || files(&hooked.queue(), ".announced").is_empty();
    assert!(process::eventually(Duration::from_secs(10), none));
    hooked.push("two");
    assert_eq!(refs(&receiver.event()), ["refs/heads/two"]);
}

fn keeps_the_order_of_one_repository_only(cell: Cell) {
    // The first event of all fails; the one of the other repository does not wait for it.
    let receiver = Receiver::start(|number| if number == 0 { 503 } else { 200 });
    let hooked = Hooked::start(cell, &receiver.url(), Setup::default().allow_push());
    let other = hooked.world.empty("other.git");
    hooked.push("one");
    assert_eq!(refs(&receiver.event()), ["refs/heads/one"]);
    hooked.push("two");
    let url = hooked.server.url("other.git");
    hooked.world.within("copy").run(["push", "--quiet", &url, "main"]);
    assert!(other.has("main"));
    let told = [receiver.event(), receiver.event(), receiver.event()];
    let of = |name| {
        let told = told.iter().filter(move |event| event["repository"] == name);
        told.flat_map(refs).collect::<Vec<_>>()
    };
    assert_eq!(of("app.git"), ["refs/heads/one", "refs/heads/two"]);
    assert_eq!(of("other.git"), ["refs/heads/main"]);
}

fn of_what_the_receiver_refuses_is_put_aside(cell: Cell) {
    let receiver = Receiver::start(|number| if number == 0 { 422 } else { 200 });
    let hooked = Hooked::start(cell, &receiver.url(), Setup::default().allow_push());
    hooked.push("one");
    let refused = receiver.delivery();
    hooked.push("two");
    assert_eq!(refs(&receiver.event()), ["refs/heads/two"]);
    assert!(emptied(&hooked));
    let failed = hooked.queue().join("failed");
    let aside = events(&failed);
    assert_eq!(aside.len(), 1);
    assert_eq!(fs::read(failed.join(&aside[0])).unwrap(), refused.body);
    assert!(hooked.server.log().contains("422"), "{}", hooked.server.log());
}

fn that_cannot_be_queued_does_not_fail_the_push(cell: Cell) {
    let (hooked, receiver) = hooked(cell);
    let away = hooked.world.beside("away");
    fs::rename(hooked.queue(), &away).unwrap();
    hooked.push("one");
    let log = || hooked.server.log();
    assert!(process::eventually(Duration::from_secs(5), || log().contains("EVENT LOST")));
    fs::rename(&away, hooked.queue()).unwrap();
    hooked.push("two");
    assert_eq!(refs(&receiver.event()), ["refs/heads/two"]);
}
