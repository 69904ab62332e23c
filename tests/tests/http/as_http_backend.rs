//! Our answers beside those of git-http-backend, for the same request on the same repository.

use std::collections::BTreeSet;

use e2e::http::pkt_line;
use e2e::{Backend, Repository, Request, Response, Setup, World};

use crate::ls_refs_request;

/// Headers that a git client or a cache acts upon.
const COMPARED: &[&str] =
    &["Content-Type", "Cache-Control", "Pragma", "Content-Encoding", "Location"];

fn repository(world: &World) -> (Repository, String, String) {
    let repository = world.small("app.git");
    repository.repack();
    let loose = repository.commit("main", "loose", b"a loose object\n");
    repository.update_server_info();
    repository.git().run(["commit-graph", "write", "--reachable"]);
    let pack = repository.packs()[0].file_stem().unwrap().to_str().unwrap().to_owned();
    (repository, format!("objects/{}/{}", &loose[..2], &loose[2..]), format!("objects/pack/{pack}"))
}

/// Every request that is compared, with what it is called in a failure.
fn requests(loose: &str, pack: &str) -> Vec<(String, Request)> {
    let mut paths: Vec<String> = [
        "info/refs?service=git-upload-pack",
        "info/refs?service=git-receive-pack",
        "info/refs?service=git-nonsense",
        "info/refs?service=upload-pack",
        "info/refs?service=",
        "info/refs?x=y&service=git-upload-pack",
        "info/refs",
        "info/refs?x=y",
        "HEAD",
        "objects/info/packs",
        "objects/info/commit-graph",
        "objects/info/alternates",
        "objects/info/http-alternates",
        "objects/info/nothing",
        "objects/00/00000000000000000000000000000000000000",
        "objects/pack/pack-0000000000000000000000000000000000000000.pack",
        "config",
        "description",
        "hooks/update.sample",
        "refs/heads/main",
        "packed-refs",
        "info/exclude",
        "info",
        "",
        "git-upload-pack-x",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.push(loose.to_owned());
    paths.extend(["pack", "idx", "rev"].map(|extension| format!("{pack}.{extension}")));
    let mut requests = Vec::new();
    for path in &paths {
        for method in ["GET", "HEAD"] {
            let name = format!("{method} {path}");
            requests.push((name, Request::new(method, format!("/app.git/{path}"))));
        }
    }
    for version in ["version=0", "version=1", "version=2", "version=3", "x:version=2:y", ""] {
        let request = Request::get("/app.git/info/refs?service=git-upload-pack");
        requests.push((version.to_owned(), request.header("Git-Protocol", version)));
    }
    for path in ["/missing.git/info/refs?service=git-upload-pack", "/missing.git/HEAD", "/"] {
        requests.push((path.to_owned(), Request::get(path)));
    }
    requests.push(("ls-refs".into(), ls_refs_request("/app.git")));
    let post = |service| Request::service("/app.git", service, b"0000");
    requests.push(("empty fetch".into(), post("git-upload-pack")));
    requests.push(("push".into(), post("git-receive-pack")));
    requests.push(("archive".into(), post("git-upload-archive")));
    let wrong = |request: Request| request.replace("Content-Type", "text/plain");
    requests.push(("wrong content type".into(), wrong(post("git-upload-pack"))));
    requests.push(("GET of a service".into(), Request::get("/app.git/git-upload-pack")));
    requests.push(("POST of a file".into(), Request::new("POST", "/app.git/HEAD").body(b"x")));
    requests
}

/// What is compared of a response.
fn essence(response: &Response) -> (u16, Vec<Option<String>>, Vec<u8>) {
    let refused = response.status >= 400;
    let header = |header: &&str| response.header(header).map(str::to_owned);
    // The text of an error is for people; ours says more.
    let headers = if refused { vec![] } else { COMPARED.iter().map(header).collect() };
    let body = if refused { vec![] } else { without_agents(&response.body) };
    (response.status, headers, body)
}

/// The body without the names of agents, and without the lengths of the pkt-lines that hold them.
fn without_agents(body: &[u8]) -> Vec<u8> {
    const AGENT: &[u8] = b"agent=";
    let mut rest = body;
    let mut kept = Vec::new();
    while let Some(at) = rest.windows(AGENT.len()).position(|window| window == AGENT) {
        let line = rest[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let line = if rest[line..].starts_with(b"0000") { line + 4 } else { line };
        kept.extend_from_slice(&rest[..line]);
        kept.extend_from_slice(&rest[(line + 4).min(at)..at]);
        let name = rest[at..].iter().position(|byte| b" \n".contains(byte));
        rest = &rest[at + name.unwrap_or(rest.len() - at)..];
    }
    kept.extend_from_slice(rest);
    kept
}

/// Where we mean to differ: the request, git-http-backend's status, ours.
const DEVIATIONS: &[(&str, u16, u16)] = &[
    // HEAD changes; git-http-backend forgets to say that it must not be cached.
    ("GET HEAD", 200, 200),
    ("HEAD HEAD", 200, 200),
    // Other servers offer every file of objects/info.
    ("GET objects/info/commit-graph", 404, 200),
    ("HEAD objects/info/commit-graph", 404, 200),
];

#[test]
fn answers_are_those_of_git_http_backend() {
    let world = World::default();
    let (_repository, loose, pack) = repository(&world);
    let ours = world.serve(&Setup::default());
    let theirs = e2e::Server::start(Backend::HttpBackend, world.root(), &Setup::default());
    let mut differences = BTreeSet::new();
    for (name, request) in requests(&loose, &pack) {
        let (our, their) = (ours.ask(&request), theirs.ask(&request));
        let deviation = DEVIATIONS.iter().find(|(deviation, ..)| *deviation == name);
        let equal = match deviation {
            Some((_, theirs, ours)) => (their.status, our.status) == (*theirs, *ours),
            None => essence(&our) == essence(&their),
        };
        if !equal {
            differences.insert(format!("### {name}\n--- ours\n{our:?}\n--- theirs\n{their:?}\n"));
        }
    }
    let differences: Vec<_> = differences.into_iter().collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn files_may_be_cached_as_long() {
    let world = World::default();
    let (_repository, loose, pack) = repository(&world);
    let server = world.serve(&Setup::default());
    for path in [loose, format!("{pack}.pack"), format!("{pack}.idx")] {
        let response = server.ask(&Request::get(format!("/app.git/{path}"))).expect(200);
        assert_eq!(response.header("Cache-Control"), Some("public, max-age=31536000"), "{path}");
        assert!(response.header("Expires").is_some_and(|date| date.ends_with("GMT")), "{path}");
    }
    let head = server.ask(&Request::get("/app.git/HEAD")).expect(200);
    assert_eq!(head.header("Expires"), Some("Fri, 01 Jan 1980 00:00:00 GMT"));
}

#[test]
fn namespaced_answers_are_those_of_git_http_backend() {
    let world = World::default();
    let repository = world.small("app.git");
    repository.git().run(["update-ref", "refs/namespaces/team/refs/heads/theirs", "side"]);
    repository.git().run([
        "symbolic-ref",
        "refs/namespaces/team/HEAD",
        "refs/namespaces/team/refs/heads/theirs",
    ]);
    let setup = Setup::default().namespace("team");
    let ours = world.serve(&setup);
    let theirs = e2e::Server::start(Backend::HttpBackend, world.root(), &setup);
    for path in ["HEAD", "info/refs", "info/refs?service=git-upload-pack", "objects/info/packs"] {
        let request = Request::get(format!("/app.git/{path}"));
        let (our, their) = (ours.ask(&request), theirs.ask(&request));
        assert_eq!(our.expect(200).text(), their.expect(200).text(), "{path}");
    }
}

#[test]
fn push_options_and_capabilities_are_advertised_alike() {
    let world = World::default();
    let repository = world.small("app.git");
    repository.set("receive.advertisePushOptions", "true");
    let ours = world.serve(&Setup::default().allow_push());
    let setup = Setup::default().allow_push();
    let theirs = e2e::Server::start(Backend::HttpBackend, world.root(), &setup);
    let request = Request::get("/app.git/info/refs?service=git-receive-pack");
    let (our, their) = (ours.ask(&request).expect(200), theirs.ask(&request).expect(200));
    let text =
        |response: &Response| String::from_utf8_lossy(&without_agents(&response.body)).into_owned();
    assert_eq!(text(&our), text(&their));
    assert!(our.text().starts_with(&pkt_line("# service=git-receive-pack\n")), "{our:?}");
}
