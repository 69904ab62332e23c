//! The other side of the front's sockets, fed by a test.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gitwasi_runtime::body::full;
use gitwasi_runtime::{
    Access, Authorizer, Body, BodyError, BoxFuture, Decision, DumbFile, ErrorCode, Fallback, File,
    Front, FrontBuilder, Limits, Principal, ProtocolVersion, Repositories, Repository,
    RequestContext, Service, ServiceRequest, Settings,
};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

type Chunk = Result<Bytes, BodyError>;

/// A front whose services are the test.
pub(crate) struct Stub {
    pub(crate) front: Front,
    service: Arc<Feed>,
    ended: Mutex<Option<oneshot::Receiver<Result<(), BodyError>>>>,
}

struct Feed {
    chunks: Mutex<Option<mpsc::Sender<Chunk>>>,
    body: Mutex<Option<Body>>,
    ended: Mutex<Option<oneshot::Sender<Result<(), BodyError>>>>,
    begun: Notify,
    opened: Notify,
}

impl Stub {
    pub(crate) fn start(limits: Limits) -> Self {
        let (chunks, body) = pack_body();
        let (told, ended) = oneshot::channel();
        chunks.try_send(Ok("begin ".into())).unwrap();
        let service = Arc::new(Feed {
            chunks: Mutex::new(Some(chunks)),
            body: Mutex::new(Some(body)),
            ended: Mutex::new(Some(told)),
            begun: Notify::new(),
            opened: Notify::new(),
        });
        let front = FrontBuilder {
            engine: None,
            repositories: Arc::new(Open(Arc::clone(&service))),
            authorizer: Arc::new(Everybody),
            fallback: Arc::new(Teapot),
            observer: None,
            base_path: String::new(),
            limits,
        };
        let front = front.build().unwrap();
        Self { front, service, ended: Mutex::new(Some(ended)) }
    }

    pub(crate) fn context(&self) -> RequestContext {
        RequestContext {
            id: 1,
            peer: String::new(),
            trusted_peer: false,
            principal: None,
            extensions: http::Extensions::new(),
            cancelled: Default::default(),
        }
    }

    /// Sends more of the service's response.
    pub(crate) fn feed(&self, chunk: &'static str) {
        let chunks = self.service.chunks.lock().unwrap().clone();
        let _ = chunks.unwrap().try_send(Ok(chunk.into()));
    }

    /// Ends the service's response well.
    pub(crate) fn finish(&self) {
        self.service.chunks.lock().unwrap().take();
    }

    /// Ends the service's response with a failure.
    pub(crate) fn fail(&self) {
        let chunks = self.service.chunks.lock().unwrap().take();
        chunks.unwrap().try_send(Err(BodyError::Incomplete)).unwrap();
    }

    /// Waits until the service has seen the first bytes of its request.
    pub(crate) async fn request_begun(&self) {
        self.service.begun.notified().await;
    }

    /// Waits until a repository is being opened.
    pub(crate) async fn open_begun(&self) {
        self.service.opened.notified().await;
    }

    /// How the service saw its request end.
    pub(crate) async fn request_ended(&self) -> Result<(), BodyError> {
        let ended = self.ended.lock().unwrap().take();
        ended.unwrap().await.unwrap()
    }
}

/// A body that a test sends.
pub(crate) fn pack_body() -> (mpsc::Sender<Chunk>, Body) {
    let (sender, receiver) = mpsc::channel(8);
    let frames = ReceiverStream::new(receiver).map(|chunk: Chunk| chunk.map(Frame::data));
    (sender, StreamBody::new(frames).boxed_unsync())
}

/// The head of a push of one new branch.
pub(crate) fn push_head() -> String {
    let line = format!("{:040x} {:040x} refs/heads/main\0 report-status", 0, 1);
    format!("{:04x}{line}0000PACK", line.len() + 4)
}

pub(crate) fn get(target: &str) -> Request<Body> {
    Request::get(target).body(full("")).unwrap()
}

pub(crate) fn post(target: &str, service: &str, body: impl Into<Bytes>) -> Request<Body> {
    Request::post(target)
        .header("content-type", format!("application/x-git-{service}-request"))
        .body(full(body))
        .unwrap()
}

struct Open(Arc<Feed>);

impl Repositories for Open {
    fn open<'a>(
        &'a self,
        context: &'a RequestContext,
        name: &'a str,
        _: Access,
    ) -> BoxFuture<'a, Result<Arc<dyn Repository>, ErrorCode>> {
        self.0.opened.notify_one();
        let repository = Arc::new(Fed(Arc::clone(&self.0)));
        Box::pin(async move {
            if name == "hang" {
                context.cancelled.cancelled().await;
            }
            Ok(repository as Arc<dyn Repository>)
        })
    }
}

struct Fed(Arc<Feed>);

impl Fed {
    fn body(&self) -> Result<Body, ErrorCode> {
        self.0.body.lock().unwrap().take().ok_or(ErrorCode::Busy)
    }
}

impl Repository for Fed {
    fn settings(&self) -> Settings {
        Settings::default()
    }

    fn advertise<'a>(
        &'a self,
        _: &'a RequestContext,
        _: Service,
        _: ProtocolVersion,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>> {
        Box::pin(async { self.body() })
    }

    fn upload_pack<'a>(
        &'a self,
        _: &'a RequestContext,
        _: ProtocolVersion,
        _: Body,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>> {
        Box::pin(async { self.body() })
    }

    fn receive_pack<'a>(
        &'a self,
        _: &'a RequestContext,
        _: ProtocolVersion,
        _: Option<Principal>,
        mut request: Body,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>> {
        let told = self.0.ended.lock().unwrap().take();
        let feed = Arc::clone(&self.0);
        // In a task of its own: the call goes away with its instance, its request body does not.
        let read = tokio::spawn(async move {
            let mut whole = Ok(());
            while let Some(frame) = request.frame().await {
                feed.begun.notify_one();
                whole = frame.map(drop);
            }
            let answer = whole.as_ref().map(|()| full("unpack ok")).map_err(|_| ErrorCode::Aborted);
            let _ = told.unwrap().send(whole);
            answer
        });
        Box::pin(async { read.await.unwrap() })
    }

    fn upload_archive<'a>(
        &'a self,
        _: &'a RequestContext,
        _: Body,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>> {
        Box::pin(async { self.body() })
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

struct Teapot;

impl Fallback for Teapot {
    fn handle<'a>(
        &'a self,
        _: &'a RequestContext,
        _: Request<Body>,
    ) -> BoxFuture<'a, Response<Body>> {
        Box::pin(async {
            let mut response = Response::new(full("not git's\n"));
            *response.status_mut() = StatusCode::IM_A_TEAPOT;
            response
        })
    }
}
