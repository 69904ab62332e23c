//! An embedder's closure as an observer.

use gitwasi_runtime::{BoxFuture, ErrorCode, Observer, PushEvent};

/// Tells a closure.
pub struct Closure<F>(pub F);

impl<F, Fut> Observer for Closure<F>
where
    F: Fn(PushEvent) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn pushed(&self, event: PushEvent) -> BoxFuture<'_, Result<(), ErrorCode>> {
        let told = (self.0)(event);
        Box::pin(async move {
            told.await;
            Ok(())
        })
    }
}
