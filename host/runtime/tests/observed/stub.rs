//! The other side of the front's sockets: a service that says what the test wants.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gitwasi_runtime::body::full;
use gitwasi_runtime::{
    Access, Authorizer, Body, BodyError, BoxFuture, Decision, DumbFile, ErrorCode, Fallback, File,
    Front, FrontBuilder, Limits, Observer, Principal, ProtocolVersion, PushEvent, Repositories,
    Repository, RequestContext, Service, ServiceRequest, Settings,
};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::{Notify, mpsc};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

/// What the service has said before the test says anything.
pub(crate) const BEGIN: &str = "000d\x02working\n";

type Chunk = Result<Bytes, BodyError>;

/// A front with a service for one push.
pub(crate) struct Stub {
    front: Front,
    said: Option<mpsc::Sender<Chunk>>,
    events: mpsc::UnboundedReceiver<PushEvent>,
    announcements: mpsc::UnboundedReceiver<Announcement>,
    go_on: Arc<Notify>,
}

/// What the observer is told besides what has been pushed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Announcement {
    Pushing(PushEvent),
    NotPushed(String),
}

/// A packet of side-band-64k.
pub(crate) fn band(band: u8, data: &str) -> String {
    format!("{:04x}{}{data}", data.len() + 5, char::from(band))
}

impl Stub {
    pub(crate) fn start() -> Self {
        let (said, says) = mpsc::channel::<Chunk>(64);
        said.try_send(Ok(BEGIN.into())).unwrap();
        let frames = ReceiverStream::new(says).map(|chunk| chunk.map(Frame::data));
        let body = StreamBody::new(frames).boxed_unsync();
        let (told, events) = mpsc::unbounded_channel();
        let (announces, announcements) = mpsc::unbounded_channel();
        let go_on = Arc::new(Notify::new());
        let front = FrontBuilder {
            engine: None,
            repositories: Arc::new(One(Arc::new(Says(Mutex::new(Some(body)))))),
            authorizer: Arc::new(Everybody),
            fallback: Arc::new(Everybody),
            observer: Some(Arc::new(Waits { told, announces, go_on: Arc::clone(&go_on) })),
            base_path: String::new(),
            limits: Limits::default(),
        };
        Self { front: front.build().unwrap(), said: Some(said), events, announcements, go_on }
    }

    /// Pushes a new branch, and gets what the service says.
    pub(crate) async fn push(&self, capabilities: &str) -> Response<Body> {
        let line = format!("{:040x} {:040x} refs/heads/main\0{capabilities}", 0, 1);
        let request = Request::post("/app/git-receive-pack")
            .header("content-type", "application/x-git-receive-pack-request")
            .body(full(format!("{:04x}{line}0000PACK", line.len() + 4)))
            .unwrap();
        let context = RequestContext {
            id: 1,
            peer: String::new(),
            trusted_peer: false,
            principal: None,
            extensions: http::Extensions::new(),
            cancelled: Default::default(),
        };
        let response = self.front.handle(context, request).await;
        assert_eq!(response.status(), StatusCode::OK);
        response
    }

    /// Says more.
    pub(crate) fn feed(&self, chunk: &str) {
        self.said.as_ref().unwrap().try_send(Ok(chunk.to_owned().into())).unwrap();
    }

    /// Ends well.
    pub(crate) fn finish(&mut self) {
        self.said = None;
    }

    /// Ends with a failure.
    pub(crate) fn fail(&mut self) {
        self.said.take().unwrap().try_send(Err(BodyError::Incomplete)).unwrap();
    }

    /// What the observer is told next; it then waits until it may go on.
    pub(crate) async fn event(&mut self) -> PushEvent {
        self.events.recv().await.unwrap()
    }

    /// What the observer is told next of pushes that go on or have moved nothing.
    pub(crate) async fn announcement(&mut self) -> Announcement {
        self.announcements.recv().await.unwrap()
    }

    /// Lets the observer go on.
    pub(crate) fn go_on(&self) {
        self.go_on.notify_one();
    }
}

struct Waits {
    told: mpsc::UnboundedSender<PushEvent>,
    announces: mpsc::UnboundedSender<Announcement>,
    go_on: Arc<Notify>,
}

impl Observer for Waits {
    fn pushing(&self, event: PushEvent) -> BoxFuture<'_, Result<(), ErrorCode>> {
        let _ = self.announces.send(Announcement::Pushing(event));
        Box::pin(async { Ok(()) })
    }

    fn not_pushed(&self, id: String) -> BoxFuture<'_, Result<(), ErrorCode>> {
        let _ = self.announces.send(Announcement::NotPushed(id));
        Box::pin(async { Ok(()) })
    }

    fn pushed(&self, event: PushEvent) -> BoxFuture<'_, Result<(), ErrorCode>> {
        let _ = self.told.send(event);
        Box::pin(async {
            self.go_on.notified().await;
            Ok(())
        })
    }
}

struct One(Arc<Says>);

impl Repositories for One {
    fn open<'a>(
        &'a self,
        _: &'a RequestContext,
        _: &'a str,
        _: Access,
    ) -> BoxFuture<'a, Result<Arc<dyn Repository>, ErrorCode>> {
        let repository = Arc::clone(&self.0);
        Box::pin(async { Ok(repository as Arc<dyn Repository>) })
    }
}

/// Reads a push to its end, then answers.
struct Says(Mutex<Option<Body>>);

impl Repository for Says {
    fn settings(&self) -> Settings {
        Settings::default()
    }

    fn receive_pack<'a>(
        &'a self,
        _: &'a RequestContext,
        _: ProtocolVersion,
        _: Option<Principal>,
        request: Body,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>> {
        Box::pin(async {
            request.collect().await.map_err(|_| ErrorCode::Aborted)?;
            self.0.lock().unwrap().take().ok_or(ErrorCode::Busy)
        })
    }

    fn advertise<'a>(
        &'a self,
        _: &'a RequestContext,
        _: Service,
        _: ProtocolVersion,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>> {
        Box::pin(async { Err(ErrorCode::NotFound) })
    }

    fn upload_pack<'a>(
        &'a self,
        _: &'a RequestContext,
        _: ProtocolVersion,
        _: Body,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>> {
        Box::pin(async { Err(ErrorCode::NotFound) })
    }

    fn upload_archive<'a>(
        &'a self,
        _: &'a RequestContext,
        _: Body,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>> {
        Box::pin(async { Err(ErrorCode::NotFound) })
    }

    fn open_file<'a>(
        &'a self,
        _: &'a RequestContext,
        _: DumbFile,
    ) -> BoxFuture<'a, Result<Arc<dyn File>, ErrorCode>> {
        Box::pin(async { Err(ErrorCode::NotFound) })
    }
}

struct Everybody;

impl Authorizer for Everybody {
    fn authorize<'a>(
        &'a self,
        _: &'a RequestContext,
        _: ServiceRequest,
    ) -> BoxFuture<'a, Result<Decision, ErrorCode>> {
        Box::pin(async { Ok(Decision::Allow(None)) })
    }
}

impl Fallback for Everybody {
    fn handle<'a>(
        &'a self,
        _: &'a RequestContext,
        _: Request<Body>,
    ) -> BoxFuture<'a, Response<Body>> {
        Box::pin(async { Response::new(full("not git's\n")) })
    }
}
