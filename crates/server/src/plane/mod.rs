//! The data plane: one thread a core, each with a listener's share, a gateway and upstream connections
//! of its own. Model calls are answered on the thread that accepted them; everything else is handed to
//! the router on the control runtime.

mod body;
mod connection;
mod framing;
mod guard;
mod principals;
mod recorder;
mod service;
mod stall;
mod tls;

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use keywright_dial::Dialler;
use keywright_gateway::{Gateway, Settings};
use keywright_store::RecordsWriter;
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;
use tokio_util::task::TaskTracker;

pub(crate) use guard::Guard;
pub(crate) use principals::{Callers, accounts, owned};
pub(crate) use service::Peer;
pub(crate) use tls::acceptor;

use crate::boot::Upstreams;
use crate::config::RecordsMode;
use connection::Connections;
use recorder::PlaneRecorder;

/// What every thread of the plane is made from.
#[derive(Clone)]
pub(crate) struct PlaneParts {
    pub(crate) settings: Settings,
    pub(crate) upstreams: Upstreams,
    pub(crate) dialler: Dialler,
    pub(crate) callers: Callers,
    pub(crate) writer: RecordsWriter,
    pub(crate) mode: RecordsMode,
    pub(crate) router: Router,
    pub(crate) control: Handle,
    pub(crate) guard: Arc<Guard>,
    pub(crate) tls: Option<tokio_rustls::TlsAcceptor>,
    pub(crate) drain: Duration,
}

/// How far the server is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Serving.
    Running,
    /// Nothing new is taken; what runs may end.
    Draining,
}

/// The running threads.
pub(crate) struct Plane {
    threads: Vec<JoinHandle<()>>,
}

impl Plane {
    /// Starts `threads` threads on `listener`.
    pub(crate) fn start(
        parts: &PlaneParts,
        listener: TcpListener,
        threads: usize,
        stage: &watch::Receiver<Stage>,
    ) -> io::Result<Self> {
        let mut running = Vec::with_capacity(threads);
        for number in 0..threads.max(1) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let listener = listener.try_clone()?;
            let (parts, stage) = (parts.clone(), stage.clone());
            let thread = std::thread::Builder::new()
                .name(format!("keywright-plane-{number}"))
                .spawn(move || LocalSet::new().block_on(&runtime, run(parts, listener, stage)))?;
            running.push(thread);
        }
        Ok(Self { threads: running })
    }

    /// Waits until all threads have ended, which they do when the stage is draining.
    pub(crate) async fn ended(self) {
        let joining = tokio::task::spawn_blocking(move || {
            for thread in self.threads {
                if thread.join().is_err() {
                    tracing::error!("a thread of the data plane panicked");
                }
            }
        });
        // The blocking pool only refuses when the runtime ends, and then nobody waits.
        let _ = joining.await;
    }
}

/// One thread, from its first connection to its last record.
async fn run(parts: PlaneParts, listener: TcpListener, stage: watch::Receiver<Stage>) {
    let recorder = Rc::new(PlaneRecorder::new(parts.writer.clone(), parts.mode));
    let recording = tokio::task::spawn_local(Rc::clone(&recorder).run());
    let gateway = Rc::new(Gateway::new(
        parts.settings.clone(),
        parts.dialler.clone(),
        (parts.callers)(),
        Rc::new(parts.upstreams.keys.clone()),
        Rc::clone(&recorder) as Rc<dyn keywright_gateway::Recorder>,
    ));
    let looking_after = tokio::task::spawn_local(look_after(Rc::clone(&gateway)));
    let connections = Connections { parts: Rc::new(parts), gateway, tracker: TaskTracker::new(), stage };
    connections.accept(listener).await;
    connections.drain().await;
    looking_after.abort();
    // Calls that were cut off have handed in their last record by now.
    recorder.close();
    let _ = recording.await;
}

async fn look_after(gateway: Rc<Gateway>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        gateway.look_after();
    }
}
