//! Life below `/git` of a site that nginx serves.

use e2e::nginx::Nginx;
use e2e::{Repository, Request, Server, Setup, World};

struct Site {
    world: World,
    repository: Repository,
    _server: Server,
    nginx: Nginx,
}

/// Starts the server with `--base-path /git` and an nginx that hands `/git/` on.
fn site(setup: Setup, location: &str) -> Site {
    let world = World::default();
    let repository = world.small("team/app.git");
    let server = world.serve(&setup.base_path("/git"));
    let nginx = Nginx::start(
        &world.beside("nginx"),
        &format!(
            "location /git/ {{ proxy_pass http://{}; {location} }}
             location / {{ return 200 \"the site\"; }}",
            server.address()
        ),
    );
    Site { world, repository, _server: server, nginx }
}

impl Site {
    fn url(&self, credentials: &str) -> String {
        format!("http://{credentials}{}/git/team/app.git", self.nginx.address())
    }

    /// Clones, commits something that does not fit into one request, pushes and fetches it.
    fn round_trip(&self, credentials: &str) {
        self.world.git().run(["clone", "--quiet", &self.url(""), "copy"]);
        self.world.clone_at("copy/.git").add_incompressible(3_000_000);
        self.world.within("copy").run(["push", "--quiet", &self.url(credentials), "big"]);
        let copy = self.world.clone_at("copy/.git");
        assert_eq!(self.repository.oid("big"), copy.oid("big"));
        self.world.git().run(["clone", "--quiet", "--mirror", &self.url(""), "again"]);
        assert_eq!(self.world.clone_at("again").refs(), self.repository.refs());
    }
}

#[test]
fn with_the_configuration_nginx_comes_with() {
    // HTTP/1.0 towards us, everything buffered.
    site(Setup::default().allow_push(), "").round_trip("");
}

#[test]
fn with_everything_streamed() {
    let streaming = "proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;";
    site(Setup::default().allow_push(), streaming).round_trip("");
}

#[test]
fn with_the_configuration_of_the_readme() {
    let readme = include_str!("../../../README.md");
    let line = readme.lines().find(|line| line.contains("behind nginx |")).unwrap();
    let directives = line.split('`').find(|code| code.contains("proxy_http_version")).unwrap();
    assert!(directives.contains("proxy_request_buffering off"), "{directives}");
    site(Setup::default().allow_push(), directives).round_trip("");
}

#[test]
fn with_passwords_checked_by_nginx() {
    let htpasswd = e2e::Scratch::new();
    let file = htpasswd.join("htpasswd");
    std::fs::write(&file, "alice:{PLAIN}secret\n").unwrap();
    let login = format!(
        "satisfy any; auth_basic git; auth_basic_user_file {}; proxy_set_header X-User $remote_user;",
        file.display()
    );
    // Everybody is let in, and named only if there was a password.
    let setup = Setup::default().user_with("alice", None, &["**"], &["**"]).arguments([
        "--user-header",
        "X-User",
        "--trusted-proxy",
        "127.0.0.1",
    ]);
    let reading = "set $realm off; if ($request_uri ~ receive-pack) { set $realm git; } ";
    let location = format!("{reading}{}", login.replace("auth_basic git", "auth_basic $realm"));
    let site = site(setup, &location);
    site.round_trip("alice:secret@");
    let outcome = site.world.within("copy").refused(["push", &site.url(""), "main:mine"]);
    outcome.says("could not read Username");
}

#[test]
fn nothing_is_served_outside_the_base_path() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default().base_path("/git"));
    for (path, status) in [
        ("/git/app.git/HEAD", 200),
        ("/app.git/HEAD", 404),
        ("/gitapp.git/HEAD", 404),
        ("/git//app.git/HEAD", 404),
        ("/git/git/app.git/HEAD", 404),
        ("/GIT/app.git/HEAD", 404),
        ("/git", 404),
        ("/", 404),
    ] {
        let response = server.ask(&Request::get(path));
        // A name that cannot be one may be called a bad request.
        assert!(
            response.status == status || (status, response.status) == (404, 400),
            "{path}: {response:?}"
        );
    }
}
