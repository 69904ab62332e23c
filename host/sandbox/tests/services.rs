//! What git does for a job when nothing is amiss. The expectations are git's own.

mod fixture;

use std::fs;
use std::os::unix::fs::chown;

use fixture::{Fixture, fetch, git, job, open, policy, run};
use gitwasi_sandbox::{Committer, Exit, GitCommand, Job, ProtocolVersion};

const ADVERTISE: GitCommand = GitCommand::UploadPack { advertise: true };
const UPLOAD: GitCommand = GitCommand::UploadPack { advertise: false };
const RECEIVE: GitCommand = GitCommand::ReceivePack { advertise: false };

#[tokio::test]
async fn upload_pack_advertises_in_the_version_asked_for() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let policy = policy(false);
    let head = git(&repository, &["rev-parse", "main"]);

    let v0 = run(&policy, job(ADVERTISE, &repository), b"").await;
    assert_eq!(v0.exit, Exit::Code(0), "{v0:?}");
    assert!(v0.text().contains(&format!("{head} HEAD\0")), "{}", v0.text());
    assert_eq!(v0.stderr, "");

    let protocol = Some(ProtocolVersion::V1);
    let v1 = run(&policy, Job { protocol, ..job(ADVERTISE, &repository) }, b"").await;
    assert!(v1.text().starts_with("000eversion 1\n"), "{}", v1.text());

    let protocol = Some(ProtocolVersion::V2);
    let v2 = run(&policy, Job { protocol, ..job(ADVERTISE, &repository) }, b"").await;
    assert!(v2.text().starts_with("000eversion 2\n"), "{}", v2.text());
}

#[tokio::test]
async fn a_fetch_delivers_a_pack_that_git_can_index() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let head = git(&repository, &["rev-parse", "main"]);

    let protocol = Some(ProtocolVersion::V2);
    let output =
        run(&policy(false), Job { protocol, ..job(UPLOAD, &repository) }, &fetch(&head)).await;
    assert_eq!(output.exit, Exit::Code(0), "{}", output.stderr);
    assert_eq!(output.stderr, "");
    assert!(output.stdout.starts_with(b"000dpackfile\n"), "{}", output.text());
    assert!(output.stdout.windows(4).any(|window| window == b"PACK"));
    assert!(output.stdout.ends_with(b"0000"));
}

#[tokio::test]
async fn a_shallow_fetch_needs_no_write_access() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let head = git(&repository, &["rev-parse", "main"]);
    let request =
        format!("0011command=fetch0001000fno-progress000cdeepen 10032want {head}\n0009done\n0000");

    let protocol = Some(ProtocolVersion::V2);
    let job = Job { protocol, ..job(UPLOAD, &repository) };
    let output = run(&policy(false), job, request.as_bytes()).await;
    assert_eq!(output.exit, Exit::Code(0), "{}", output.stderr);
    assert!(output.text().contains(&format!("shallow {head}")), "{}", output.text());
    assert!(output.stdout.windows(4).any(|window| window == b"PACK"));
}

#[tokio::test]
async fn a_push_moves_the_ref_and_the_reflog_names_the_committer() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    git(&repository, &["config", "core.logAllRefUpdates", "true"]);
    let request = fixture.push("app", "refs/heads/topic");

    let committer = Some(Committer {
        name: "Ada <root@host>\nLovelace".into(),
        email: "ada@\0example.com\n".into(),
        user: None,
        address: None,
    });
    let job = Job { writable: true, committer, ..job(RECEIVE, &repository) };
    let output = run(&policy(false), job, &request).await;
    assert_eq!(output.exit, Exit::Code(0), "{}", output.stderr);
    assert!(output.text().contains("unpack ok"), "{}", output.text());
    assert!(output.text().contains("ok refs/heads/topic"), "{}", output.text());

    let new = git(&fixture.path("app.work"), &["rev-parse", "HEAD"]);
    assert_eq!(git(&repository, &["rev-parse", "topic"]), new);
    let log = fs::read_to_string(repository.join("logs/refs/heads/topic")).unwrap();
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains(" Ada root@hostLovelace <ada@example.com> "), "{log}");
}

#[tokio::test]
async fn a_large_push_is_indexed_and_followed_by_gc() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    for (key, value) in [("receive.unpackLimit", "1"), ("gc.auto", "1"), ("gc.autoPackLimit", "1")]
    {
        git(&repository, &["config", key, value]);
    }
    let request = fixture.push("app", "refs/heads/topic");
    let job = Job { writable: true, ..job(RECEIVE, &repository) };
    let output = run(&policy(false), job, &request).await;
    assert_eq!(output.exit, Exit::Code(0), "{}", output.stderr);
    assert!(output.text().contains("unpack ok"), "{output:?}");
    git(&repository, &["fsck", "--strict"]);
    assert!(!repository.join("gc.pid").exists());
    assert!(repository.join("packed-refs").exists(), "gc has run: {}", output.stderr);
}

#[tokio::test]
async fn a_repository_of_another_uid_is_served() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    if chown(&repository, Some(65534), Some(65534)).is_err() {
        eprintln!("not root: the repository keeps its owner");
    }
    let policy = policy(false);
    for command in [ADVERTISE, GitCommand::ReceivePack { advertise: true }, GitCommand::Config] {
        git(&repository, &["config", "http.receivepack", "true"]);
        let output = run(&policy, Job { writable: true, ..job(command, &repository) }, b"").await;
        assert_eq!(output.exit, Exit::Code(0), "{}", output.stderr);
    }
}

#[tokio::test]
async fn the_dumb_protocol_reads_what_http_backend_prints() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let head = git(&repository, &["rev-parse", "main"]);
    let tag = git(&repository, &["rev-parse", "v1"]);
    let policy = policy(false);

    let refs = run(&policy, job(GitCommand::ForEachRef, &repository), b"").await;
    let expected =
        format!("{head}\trefs/heads/main\n{tag}\trefs/tags/v1\n{head}\trefs/tags/v1^{{}}\n");
    assert_eq!(refs.text(), expected);

    let head_file = || async { run(&policy, job(GitCommand::Head, &repository), b"").await };
    if policy.git().version().minor >= 45 {
        // A pushed ref of that name must not be taken for HEAD.
        git(&repository, &["update-ref", "refs/heads/HEAD", "main~1"]);
        assert_eq!(head_file().await.text(), "ref: refs/heads/main\n");
        git(&repository, &["update-ref", "-d", "refs/heads/HEAD"]);
    }
    git(&repository, &["update-ref", "--no-deref", "HEAD", &head]);
    assert_eq!(head_file().await.text(), format!("{head}\n"));
    git(&repository, &["symbolic-ref", "HEAD", "refs/heads/unborn"]);
    assert_eq!(head_file().await.text(), "");
}

#[tokio::test]
async fn a_namespace_shows_its_own_refs_only() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let head = git(&repository, &["rev-parse", "main"]);
    let inner = "refs/namespaces/a/refs/namespaces/b";
    git(&repository, &["update-ref", &format!("{inner}/refs/heads/x"), "main"]);
    git(&repository, &["symbolic-ref", &format!("{inner}/HEAD"), &format!("{inner}/refs/heads/x")]);
    let policy = policy(false);
    let text = |command| {
        let namespace = Some("a/b".to_owned());
        let job = Job { namespace, ..job(command, &repository) };
        async { run(&policy, job, b"").await.text() }
    };

    assert_eq!(text(GitCommand::ForEachRef).await, format!("{head}\trefs/heads/x\n"));
    assert_eq!(text(GitCommand::Head).await, "ref: refs/heads/x\n");
    let advertisement = text(ADVERTISE).await;
    assert!(advertisement.contains(&format!("{head} refs/heads/x")), "{advertisement}");
    assert!(!advertisement.contains("refs/heads/main"), "{advertisement}");
}

#[tokio::test]
async fn the_configuration_is_the_repositorys_own() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let policy = policy(false);
    let config = || async { run(&policy, job(GitCommand::Config, &repository), b"").await };

    assert_eq!(config().await.text(), "core.bare\ntrue\0");
    git(&repository, &["config", "http.receivePack", "true"]);
    git(&repository, &["config", "user.name", "somebody"]);
    assert_eq!(config().await.text(), "core.bare\ntrue\0http.receivepack\ntrue\0");
    git(&repository, &["config", "--unset", "core.bare"]);
    git(&repository, &["config", "--unset", "http.receivePack"]);
    let none = config().await;
    assert_eq!((none.exit, none.text().as_str()), (Exit::Code(1), ""));
}

#[tokio::test]
async fn upload_archive_serves_a_tree() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let request = b"0014argument --format=tar0012argument main0000";
    let request = String::from_utf8_lossy(request)
        .replace("0014argument --format=tar", "001aargument --format=tar\n");
    let request = request.replace("0012argument main", "0012argument main\n");
    let output =
        run(&policy(false), job(GitCommand::UploadArchive, &repository), request.as_bytes()).await;
    assert_eq!(output.exit, Exit::Code(0), "{output:?}");
    assert!(output.stdout.starts_with(b"0008ACK\n0000"), "{}", output.text());
    assert!(output.text().contains("two of app\n"));
}

#[tokio::test]
async fn alternates_are_read_when_passed() {
    let fixture = Fixture::new();
    let lender = fixture.repository("lender");
    let borrower = fixture.path("borrower");
    let head = git(&lender, &["rev-parse", "main"]);
    git(fixture.folder.path(), &["clone", "-q", "--bare", "-s", "lender", "borrower"]);
    let protocol = Some(ProtocolVersion::V2);

    let alternates = vec![open(&lender.join("objects"))];
    let passed = Job { protocol, alternates, ..job(UPLOAD, &borrower) };
    let output = run(&policy(false), passed, &fetch(&head)).await;
    assert_eq!(output.exit, Exit::Code(0), "{}", output.stderr);
    assert!(output.stdout.windows(4).any(|window| window == b"PACK"));

    let not_passed = Job { protocol, ..job(UPLOAD, &borrower) };
    let output = run(&policy(false), not_passed, &fetch(&head)).await;
    assert!(!output.exit.success());
    assert!(!output.stdout.windows(4).any(|window| window == b"PACK"), "{}", output.text());
}

#[tokio::test]
async fn exit_status_and_messages_are_delivered() {
    let fixture = Fixture::new();
    let empty = fixture.path("empty");
    fs::create_dir(&empty).unwrap();
    let output = run(&policy(false), job(ADVERTISE, &empty), b"").await;
    assert_eq!(output.exit, Exit::Code(128));
    assert!(output.stderr.contains("does not appear to be a git repository"), "{}", output.stderr);
}

#[tokio::test]
async fn a_push_to_a_borrower_is_taken() {
    let fixture = Fixture::new();
    let lender = fixture.repository("app");
    let borrower = fixture.path("borrower");
    git(fixture.folder.path(), &["clone", "-q", "--bare", "-s", "app", "borrower"]);
    git(&borrower, &["update-ref", "-d", "refs/heads/main"]);
    git(&borrower, &["update-ref", "-d", "refs/tags/v1"]);
    let request = fixture.push("app", "refs/heads/topic");
    let policy = policy(false);

    let alternates = vec![open(&lender.join("objects"))];
    let push = Job { writable: true, alternates, ..job(RECEIVE, &borrower) };
    let output = run(&policy, push, &request).await;
    assert_eq!(output.exit, Exit::Code(0), "{}", output.stderr);
    assert!(output.text().contains("ok refs/heads/topic"), "{}", output.text());
}
