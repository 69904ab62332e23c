//! Just enough HTTP to point the real git client at the engine: one thread, one connection at a
//! time, one request each.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use gitwasi_engine::receive_pack;
use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::upload_pack;
use gitwasi_engine::{Engine, Limits};
use gitwasi_wire::ProtocolVersion;

use super::receive;

const UPLOAD_PACK: &str = "git-upload-pack";
const RECEIVE_PACK: &str = "git-receive-pack";

/// Serves the repositories below `root`, and files that end in `.pack`, until the process ends; the
/// base URL.
pub fn serve(root: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let engine = Engine::new(NativeStorage::new(&root), Limits::default());
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let (head, body) = request(&mut stream);
            let words: Vec<&str> = head[0].split(' ').collect();
            let version = field(&head, "git-protocol").unwrap_or_default();
            let version = ProtocolVersion::from_header(version.as_bytes());
            let path = words[1].trim_start_matches('/');
            if path.ends_with(".pack") {
                let pack = std::fs::read(root.join(path)).expect("a pack");
                respond(&mut stream, "application/octet-stream", &pack);
                continue;
            }
            let mut response = Vec::new();
            let service =
                if words[1].contains("git-receive-pack") { RECEIVE_PACK } else { UPLOAD_PACK };
            let advertised = path.strip_suffix(&format!("/info/refs?service={service}"));
            let kind = if let Some(name) = advertised {
                let line = format!("# service={service}\n");
                response.extend(format!("{:04x}{line}0000", line.len() + 4).bytes());
                let repository = block_on(engine.open(name)).expect("a repository");
                if service == RECEIVE_PACK {
                    block_on(receive_pack::advertise(&repository, version, &mut response))
                } else {
                    block_on(upload_pack::advertise(&repository, version, &mut response))
                }
                .expect("an advertisement");
                "advertisement"
            } else {
                let name = path.strip_suffix(&format!("/{service}")).expect("a service");
                let repository = block_on(engine.open(name)).expect("a repository");
                if service == RECEIVE_PACK {
                    if let Err(error) = receive::serve_raw(&repository, &body, &mut response) {
                        eprintln!("engine: {error}");
                    }
                } else if let Err(error) =
                    block_on(upload_pack::serve(&repository, version, &body, &mut response))
                {
                    eprintln!("engine: {error}");
                }
                "result"
            };
            respond(&mut stream, &format!("application/x-{service}-{kind}"), &response);
        }
    });
    format!("http://{address}")
}

fn respond(stream: &mut TcpStream, kind: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    _ = stream.write_all(head.as_bytes());
    _ = stream.write_all(body);
}

fn field(head: &[String], name: &str) -> Option<String> {
    let line = head.iter().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn request(stream: &mut TcpStream) -> (Vec<String>, Vec<u8>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let mut body = Vec::new();
    if let Some(length) = field(&head, "content-length") {
        body.resize(length.parse().expect("a number"), 0);
        reader.read_exact(&mut body).expect("a body");
    } else if field(&head, "transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            let size = usize::from_str_radix(line.trim(), 16).expect("a size");
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).expect("a chunk");
            if size == 0 {
                break;
            }
            body.extend(&chunk[..size]);
        }
    }
    if field(&head, "content-encoding").as_deref() == Some("gzip") {
        let mut inflated = Vec::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut inflated).expect("gzip");
        body = inflated;
    }
    (head, body)
}
