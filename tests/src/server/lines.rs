//! What a server says on its pipes, line by line.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// Reads a pipe to its end; returns all that came so far, and the lines as they come.
pub(super) fn follow(
    pipe: Option<impl Read + Send + 'static>,
) -> (Arc<Mutex<String>>, Receiver<String>) {
    let text = Arc::new(Mutex::new(String::new()));
    let (sender, receiver) = mpsc::channel();
    let all = Arc::clone(&text);
    thread::spawn(move || {
        let lines = pipe.map(BufReader::new).into_iter().flat_map(|pipe| pipe.split(b'\n'));
        for line in lines.map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            let mut all = lock(&all);
            all.push_str(&line);
            all.push('\n');
            drop(all);
            let _ = sender.send(line);
        }
    });
    (text, receiver)
}

/// Locks, whatever happened to whoever held it.
pub(super) fn lock(text: &Mutex<String>) -> MutexGuard<'_, String> {
    text.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Returns the address that stands in a line behind `before`.
pub(super) fn address(line: &str, before: &str) -> Option<SocketAddr> {
    let rest = &line[line.find(before)? + before.len()..];
    rest.split(['/', ' ']).next()?.parse().ok()
}
