//! A PostgreSQL that stops answering and comes back.

use std::net::SocketAddr;
use std::time::Instant;

use keywright_protocol::OrganizationId;
use keywright_secret::Secret;
use keywright_store::RecordsFailure;
use keywright_store::testing::on_both;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::*;

#[tokio::test]
async fn a_database_that_is_silent_is_told_in_time_and_written_to_again() {
    on_both(|scene| async move {
        let Database::Postgres { url } = &scene.database else { return };
        let reader = reader(&scene.store).await;
        let organization = OrganizationId::new();
        let (address, open) = wire(url).await;
        let through = through(url, address);
        let store = Store::open(&Database::Postgres { url: through }).await.expect("it opens");
        let writer = writer(&store).await;
        write(&writer, vec![begin(&intent(organization))]).await.expect("written");

        open.send_replace(false);
        let since = Instant::now();
        assert_eq!(
            write(&writer, vec![begin(&intent(organization))]).await,
            Err(RecordsFailure::NotCommitted)
        );
        assert!(since.elapsed() < Duration::from_secs(5), "a final commit has five seconds");

        open.send_replace(true);
        write(&writer, vec![begin(&intent(organization))]).await.expect("it writes again");
        assert_eq!(all(&reader, organization).await.len(), 2);
        writer.shutdown().await;
    })
    .await;
}

/// A relay to the server that passes nothing on while it is not open. A connection that was held up
/// breaks.
async fn wire(url: &Secret) -> (SocketAddr, watch::Sender<bool>) {
    let options: PgConnectOptions = url.expose().parse().expect("a URL");
    let server = (options.get_host().to_owned(), options.get_port());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (open, state) = watch::channel(true);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (server, mut state) = (server.clone(), state.clone());
            tokio::spawn(async move {
                until(&mut state, true).await;
                let mut far = TcpStream::connect(server).await.expect("PostgreSQL answers");
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = until(&mut state, false) => until(&mut state, true).await,
                }
            });
        }
    });
    (address, open)
}

async fn until(state: &mut watch::Receiver<bool>, wanted: bool) {
    // An error says that the test has ended.
    let _ = state.wait_for(|open| *open == wanted).await;
}

/// The same URL, by way of the relay.
fn through(url: &Secret, relay: SocketAddr) -> Secret {
    let options: PgConnectOptions = url.expose().parse().expect("a URL");
    let direct = format!("{}:{}", options.get_host(), options.get_port());
    Secret::new(url.expose().replace(&direct, &relay.to_string()))
}
