//! A SOCKS5 proxy that asks for a user and a password (RFC 1928, RFC 1929).

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub(crate) struct Socks {
    pub port: u16,
    led_to: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    pub(crate) fn start(user: &'static str, password: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let led_to = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&led_to);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, seen) = (client.unwrap(), Arc::clone(&seen));
                std::thread::spawn(move || serve(client, user, password, &seen));
            }
        });
        Self { port, led_to }
    }

    /// Where those who knew the password went.
    pub(crate) fn led_to(&self) -> Vec<String> {
        self.led_to.lock().unwrap().clone()
    }
}

/// Bytes with their number in front.
fn counted(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0];
    client.read_exact(&mut length)?;
    let mut bytes = vec![0; length[0].into()];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn serve(mut client: TcpStream, user: &str, password: &str, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut version = [0];
    client.read_exact(&mut version)?;
    counted(&mut client)?;
    client.write_all(&[5, 2])?;
    client.read_exact(&mut version)?;
    let known = counted(&mut client)? == user.as_bytes() && counted(&mut client)? == password.as_bytes();
    client.write_all(&[1, u8::from(!known)])?;
    if !known {
        return Ok(());
    }
    let mut request = [0; 4];
    client.read_exact(&mut request)?;
    let host = match request[3] {
        1 => {
            let mut address = [0; 4];
            client.read_exact(&mut address)?;
            std::net::Ipv4Addr::from(address).to_string()
        }
        4 => {
            let mut address = [0; 16];
            client.read_exact(&mut address)?;
            format!("[{}]", std::net::Ipv6Addr::from(address))
        }
        _ => String::from_utf8_lossy(&counted(&mut client)?).into_owned(),
    };
    let mut port = [0; 2];
    client.read_exact(&mut port)?;
    let place = format!("{host}:{}", u16::from_be_bytes(port));
    let mut server = TcpStream::connect(&place)?;
    seen.lock().unwrap().push(place);
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    std::io::copy(&mut client, &mut server)?;
    server.shutdown(Shutdown::Both)
}
