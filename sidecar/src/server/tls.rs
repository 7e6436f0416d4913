//! TLS of a listener, from PEM files.

use crate::config::Tls;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use std::{path::Path, sync::Arc};
use tokio_rustls::TlsAcceptor;

/// Reads the files and makes what takes TLS connections. An error says which file, and what is wrong with it.
pub(super) fn acceptor(config: &Tls) -> Result<TlsAcceptor, String> {
    let provider = Arc::new(ring::default_provider());
    let chain = certificates(&config.certificate)?;
    let key = config.key.reveal().map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
        .map_err(|error| format!("{} holds no PEM private key: {error}", config.key))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| format!("`{}`: {error}", file.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| format!("`{}`: {error}", file.display()))?)
        }
    };
    let mut server = builder
        .with_single_cert(chain, key)
        .map_err(|error| format!("`{}` and its key do not fit: {error}", config.certificate.display()))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = file.display();
    let found = CertificateDer::pem_file_iter(file).map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| format!("`{shown}` is not PEM: {error}"))?;
    match found.is_empty() {
        true => Err(format!("`{shown}` holds no certificate")),
        false => Ok(found),
    }
}
