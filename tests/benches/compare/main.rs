//! This server beside git-http-backend behind nginx and fcgiwrap, in one run, in alternation.
//!
//! `cargo bench -p e2e` prints Markdown tables. Every figure is the median of its rounds; a ratio
//! above 1 means that this server is better. `E2E_ROUNDS` and `E2E_SECONDS` make it longer;
//! `E2E_ROWS=rates,clones,pushes,large,serve` selects what is measured.

mod figures;
mod pushing;
mod reading;
mod subject;

use std::process::Command;
use std::thread;

use e2e::{Backend, World, command};
use figures::Figures;
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
    let mut pushing = Pushing::new(&world);
    let large = wanted("large").then(|| LargePushes::new(&world));

    let date = command::run(Command::new("date").args(["-u", "+%Y-%m-%d"]), b"").text();
    let cores = thread::available_parallelism().map_or(0, |cores| cores.get());
    println!(
        "{date}, {cores} cores, {objects} objects, median of {rounds} rounds in alternation:\n"
    );
    let subjects =
        [Backend::Gitwasi, Backend::HttpBackend].map(|backend| Subject::start(backend, &world));
    let mut figures = Figures::default();
    for round in 0..=rounds {
        for (number, subject) in subjects.iter().enumerate() {
            // The first round warms caches.
            let mut column = figures.column(number, round > 0);
            if wanted("rates") {
                reading.rates(subject, seconds, &mut column);
            }
            if wanted("clones") {
                reading.clones(&world, subject, &mut column);
            }
            if wanted("pushes") {
                pushing.small(subject, &mut column);
            }
            if let Some(large) = &large {
                pushing.large(subject, large, &mut column);
            }
        }
    }
    figures.print("gitwasi", "git-http-backend, nginx, fcgiwrap");
    drop(subjects);

    if wanted("serve") {
        let subjects = [Backend::WasmtimeServe, Backend::Gitwasi]
            .map(|backend| Subject::start(backend, &world));
        let mut figures = Figures::default();
        for round in 0..=rounds {
            for (number, subject) in subjects.iter().enumerate() {
                reading.replays(subject, &mut figures.column(number, round > 0));
            }
        }
        figures.print("wasmtime serve", "gitwasi");
    }
}
