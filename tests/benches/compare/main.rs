//! This server beside git-http-backend behind nginx and fcgiwrap, in one run, in alternation.
//!
//! `cargo bench -p e2e` prints Markdown tables, one after the other. Every figure is the median of its rounds; a ratio
//! above 1 means that this server is better. `E2E_ROUNDS` and `E2E_SECONDS` make it longer;
//! `E2E_ROWS=rates,clones,pushes,large,serve` selects what is measured.

mod figures;
mod pushing;
mod reading;
mod subject;

use std::process::Command;
use std::thread;

use e2e::{Backend, World, command};
use figures::{Column, Figures};
use pushing::{LargePushes, Pushing};
use reading::Reading;
use subject::Subject;

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().map_or(default, |value| value.parse().expect("a number"))
}

fn main() {
    let (rounds, seconds) = (number("E2E_ROUNDS", 5), number("E2E_SECONDS", 4));
    let rows =
        std::env::var("E2E_ROWS").unwrap_or_else(|_| "rates,clones,pushes,large,serve".into());
    let wanted = |name: &str| rows.split(',').any(|row| row == name);
    let world = World::default();
    let reading = Reading::new(&world);
    let objects = reading.objects();
    assert!(objects >= 20_000, "only {objects} objects");

    let date = command::run(Command::new("date").args(["-u", "+%Y-%m-%d"]), b"").text();
    let cores = thread::available_parallelism().map_or(0, |cores| cores.get());
    println!(
        "{date}, {cores} cores, {objects} objects, median of {rounds} rounds in alternation:\n"
    );
    let between = |backends: [Backend; 2], mut measure: Measure<'_>| {
        let subjects = backends.map(|backend| Subject::start(backend, &world));
        let mut figures = Figures::default();
        for round in 0..=rounds {
            for (number, subject) in subjects.iter().enumerate() {
                // The first round warms caches.
                measure(subject, &mut figures.column(number, round > 0));
            }
        }
        figures.print(backends);
    };
    let peers = [Backend::Gitwasi, Backend::HttpBackend];
    if wanted("rates") {
        between(peers, Box::new(|subject, column| reading.rates(subject, seconds, column)));
    }
    if wanted("clones") {
        between(peers, Box::new(|subject, column| reading.clones(&world, subject, column)));
    }
    if wanted("pushes") {
        let mut pushing = Pushing::new(&world);
        between(peers, Box::new(|subject, column| pushing.small(subject, column)));
    }
    if wanted("large") {
        let large = LargePushes::new(&world);
        between(peers, Box::new(|subject, column| large.push(&world, subject, column)));
    }
    if wanted("serve") {
        let backends = [Backend::WasmtimeServe, Backend::Gitwasi];
        between(backends, Box::new(|subject, column| reading.replays(subject, column)));
    }
}

/// Measures something of one server.
type Measure<'a> = Box<dyn FnMut(&Subject, &mut Column<'_>) + 'a>;
