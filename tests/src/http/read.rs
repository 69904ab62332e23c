//! Reads a response and tells how it ended.
//!
//! Spec: RFC 9112, sections 6.3 and 8: a chunked message without its last chunk, or a body
//! shorter than its `Content-Length`, is incomplete.

use super::{Connection, Ending, Response};

/// What is still to come of a body.
#[derive(Debug)]
pub(super) enum Framing {
    Length {
        left: usize,
    },
    /// `left` bytes of the current chunk; 0 before a chunk size.
    Chunked {
        left: usize,
    },
    UntilClose,
    Done,
}

pub(super) fn response(connection: &mut Connection, method: &str) -> Response {
    let mut response = final_head(connection);
    let mut framing = framing(&mut response, method);
    while step(connection, &mut framing, &mut response) {}
    response
}

/// Reads heads until one that is not interim.
pub(super) fn final_head(connection: &mut Connection) -> Response {
    let mut response = head(connection);
    while response.status == 100 {
        response = head(connection);
    }
    response
}

pub(super) fn framing(response: &mut Response, method: &str) -> Framing {
    if response.ending != Ending::Complete
        || method == "HEAD"
        || matches!(response.status, 204 | 304)
    {
        return Framing::Done;
    }
    let chunked = response.header("Transfer-Encoding").is_some_and(|value| value == "chunked");
    let length = response.header("Content-Length").map(|length| length.parse::<usize>());
    match (chunked, length) {
        (true, None) => Framing::Chunked { left: 0 },
        (false, Some(Ok(left))) => Framing::Length { left },
        (false, None) => Framing::UntilClose,
        (true, Some(_)) | (false, Some(Err(_))) => {
            response.ending = Ending::Broken("contradictory lengths".into());
            Framing::Done
        }
    }
}

/// Reads some more of a body; tells whether there may be more.
pub(super) fn step(
    connection: &mut Connection,
    framing: &mut Framing,
    response: &mut Response,
) -> bool {
    if let Err(why) = try_step(connection, framing, &mut response.body) {
        response.ending = Ending::Broken(why);
        *framing = Framing::Done;
    }
    !matches!(framing, Framing::Done)
}

fn try_step(
    connection: &mut Connection,
    framing: &mut Framing,
    body: &mut Vec<u8>,
) -> Result<(), String> {
    match framing {
        Framing::Done | Framing::Length { left: 0 } => *framing = Framing::Done,
        Framing::Length { left } => *left -= some(connection, *left, body)?,
        Framing::Chunked { left: 0 } => {
            let size = line(connection)?;
            let digits = size.split(';').next().unwrap_or_default().trim();
            let left =
                usize::from_str_radix(digits, 16).map_err(|_| format!("chunk size {size:?}"))?;
            *framing = Framing::Chunked { left };
            if left == 0 {
                while !line(connection)?.is_empty() {}
                *framing = Framing::Done;
            }
        }
        Framing::Chunked { left } => {
            *left -= some(connection, *left, body)?;
            if *left == 0 {
                let end = line(connection)?;
                if !end.is_empty() {
                    return Err(format!("{end:?} after a chunk"));
                }
            }
        }
        Framing::UntilClose => {
            let bytes = connection.read_some(usize::MAX).map_err(|error| error.to_string())?;
            body.extend_from_slice(&bytes);
            if bytes.is_empty() {
                *framing = Framing::Done;
            }
        }
    }
    Ok(())
}

fn some(connection: &mut Connection, most: usize, to: &mut Vec<u8>) -> Result<usize, String> {
    let bytes = connection.read_some(most).map_err(|error| error.to_string())?;
    to.extend_from_slice(&bytes);
    match bytes.len() {
        0 => Err(format!("closed {most} bytes too early")),
        length => Ok(length),
    }
}

pub(super) fn head(connection: &mut Connection) -> Response {
    let mut response = Response {
        version: String::new(),
        status: 0,
        headers: Vec::new(),
        body: Vec::new(),
        ending: Ending::Complete,
    };
    if let Err(why) = read_head(connection, &mut response) {
        response.ending = Ending::Broken(why);
    }
    response
}

pub(super) fn request_head(connection: &mut Connection) -> String {
    let mut head = String::new();
    while let Ok(line) = line(connection) {
        if line.is_empty() {
            break;
        }
        head.push_str(&line);
        head.push('\n');
    }
    head
}

fn read_head(connection: &mut Connection, response: &mut Response) -> Result<(), String> {
    let first = line(connection)?;
    let mut words = first.splitn(3, ' ');
    response.version = words.next().unwrap_or_default().to_owned();
    let status = words.next().unwrap_or_default();
    response.status = status.parse().map_err(|_| format!("not a status line: {first:?}"))?;
    loop {
        let line = line(connection)?;
        if line.is_empty() {
            return Ok(());
        }
        let (name, value) = line.split_once(':').ok_or(format!("not a header: {line:?}"))?;
        response.headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn line(connection: &mut Connection) -> Result<String, String> {
    loop {
        if let Some(end) = connection.received.windows(2).position(|two| two == b"\r\n") {
            let line: Vec<u8> = connection.received.drain(..end + 2).collect();
            return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
        }
        match connection.fill() {
            Ok(0) => return Err("closed where a line was due".into()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    /// Reads what a server would have sent before it closed the connection.
    fn read(bytes: &'static [u8]) -> Response {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || listener.accept().unwrap().0.write_all(bytes));
        let response = response(&mut Connection::open(address), "GET");
        server.join().unwrap().unwrap();
        response
    }

    #[test]
    fn chunked_body_is_put_together() {
        let response = read(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
        );
        assert_eq!((response.status, response.text()), (200, "abcd".into()));
        assert_eq!(response.ending, Ending::Complete);
    }

    #[test]
    fn chunked_body_without_its_last_chunk_is_broken() {
        let response = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        assert!(matches!(response.ending, Ending::Broken(_)), "{response:?}");
    }

    #[test]
    fn body_shorter_than_its_content_length_is_broken() {
        let response = read(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc");
        assert_eq!(response.ending, Ending::Broken("closed 1 bytes too early".into()));
    }

    #[test]
    fn interim_responses_are_passed_over() {
        let response = read(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        );
        assert_eq!((response.status, response.ending), (404, Ending::Complete));
    }
}
