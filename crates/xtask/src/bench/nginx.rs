//! nginx, doing the same work: it checks a static token, swaps the key and passes the call on.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Fallible;
use super::part::{Cores, Part, free_address};

/// The token that nginx knows, in the form of ours, and the key that it puts in its place.
pub(super) const TOKEN: &str = "sk_kw_benchbenchbenchbenchbenchbenchbenchbenchbenchbench";

/// Starts it with its files in `folder`.
pub(super) fn start(cores: Cores, folder: &Path, provider: SocketAddr) -> Fallible<Part> {
    let failed = |error: std::io::Error| format!("nginx: {error}");
    let address = free_address()?;
    fs::create_dir_all(folder).map_err(failed)?;
    let configuration = folder.join("nginx.conf");
    fs::write(&configuration, configured(address, provider)).map_err(failed)?;
    let mut command = cores.proxy(program());
    command.arg("-p").arg(folder).arg("-c").arg(&configuration).args(["-e", "stderr"]);
    let child = command.stdout(Stdio::null()).spawn().map_err(failed)?;
    let mut part = Part::started("nginx", child, address)?;
    // It listens before it has made its worker, and the worker is what counts.
    let begun = Instant::now();
    while !part.has_children() {
        if begun.elapsed() > Duration::from_secs(10) {
            return Err("nginx: it has made no worker".to_owned());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(part)
}

/// Installs Debian's nginx-light if there is none.
pub(super) fn install() -> Fallible<()> {
    if version().is_ok() {
        return Ok(());
    }
    eprintln!("bench: installing nginx-light");
    let mut command = Command::new("apt-get");
    command.args(["install", "--yes", "--no-install-recommends", "nginx-light"]).stdout(Stdio::null());
    match command.env("DEBIAN_FRONTEND", "noninteractive").status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err("there is no nginx; run, as root: apt-get install nginx-light".to_owned()),
    }
}

/// Debian keeps it where only root looks.
fn program() -> &'static str {
    let there = Path::new("/usr/sbin/nginx").exists();
    if there { "/usr/sbin/nginx" } else { "nginx" }
}

/// Its version, as it says it.
pub(super) fn version() -> Fallible<String> {
    let output = Command::new(program()).arg("-v").output().map_err(|error| format!("nginx: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    Ok(text.trim().trim_start_matches("nginx version: ").to_owned())
}

fn configured(address: SocketAddr, provider: SocketAddr) -> String {
    // As root it would else make its worker somebody who may not enter the folder.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    CONFIGURATION
        .replace("@USER@", user)
        .replace("@LISTEN@", &address.to_string())
        .replace("@PROVIDER@", &provider.to_string())
        .replace("@TOKEN@", TOKEN)
}

/// What is left at nginx's default is not here. Bodies stay in memory, as ours do.
pub(super) const CONFIGURATION: &str = r#"daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid nginx.pid;
@USER@
error_log stderr error;
# Beyond what is used: with few left, nginx closes connections that wait.
events { worker_connections 32768; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000000;
    client_body_buffer_size 256k;
    client_max_body_size 32m;
    map_hash_bucket_size 128;
    map $http_x_api_key $known { default 0; "@TOKEN@" 1; }
    upstream provider {
        server @PROVIDER@;
        keepalive 128;
        keepalive_requests 1000000000;
    }
    server {
        listen @LISTEN@ backlog=4096;
        location / {
            if ($known = 0) { return 401; }
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header x-api-key sk-ant-bench-provider-key;
            proxy_buffering off;
            proxy_read_timeout 600s;
        }
    }
}
"#;
