//! Twenty requests, four at a time: a task acquires a permit, asks a server, and the guard's drop lets the next one go.
//!
//! The server is part of the program, on a free port of the loopback interface. It counts how many requests
//! it has at once, so the promise of the semaphore is checked from the other end.
//!
//! Run it with `cargo run -p permits --example limit_requests`.

use permits::Semaphore;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const REQUESTS: u32 = 20;
const AT_ONCE: u32 = 4;

/// One limit for the whole program, so that it can be a `static`. Tasks queue in order under either policy.
static LIMIT: Semaphore = Semaphore::new(AT_ONCE);

static SERVED_NOW: AtomicU32 = AtomicU32::new(0);
static SERVED_MOST: AtomicU32 = AtomicU32::new(0);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(serve(listener));

    let start = Instant::now();
    let mut requests = JoinSet::new();
    for number in 0..REQUESTS {
        requests.spawn(request(address, number));
    }
    let mut answers = 0;
    while let Some(answer) = requests.join_next().await {
        answer??;
        answers += 1;
    }
    server.abort();

    let most = SERVED_MOST.load(Ordering::SeqCst);
    println!("{answers} answers in {:?}, at most {most} of {AT_ONCE} requests at a time", start.elapsed());
    assert!(most <= AT_ONCE);
    Ok(())
}

async fn request(address: SocketAddr, number: u32) -> Result<(), Box<dyn Error + Send + Sync>> {
    let _permit = LIMIT.acquire().await?;

    let mut stream = TcpStream::connect(address).await?;
    stream.write_u32(number).await?;
    let answer = stream.read_u32().await?;
    if answer != number {
        return Err(format!("asked with `{number}`, answered with `{answer}`").into());
    }
    Ok(())
}

/// Sends every connection the number back that it sent, after a while.
async fn serve(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let number = stream.read_u32().await?;
            let now = SERVED_NOW.fetch_add(1, Ordering::SeqCst) + 1;
            SERVED_MOST.fetch_max(now, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
            SERVED_NOW.fetch_sub(1, Ordering::SeqCst);
            stream.write_u32(number).await
        });
    }
}
