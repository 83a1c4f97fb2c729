"""A local server that speaks Cloud KMS over gRPC, with real AES-GCM and P-256 keys, versions and rotation.

By hand, with the key kept over a restart:

    python -m tests.servers.kms --port 9010 --state kms.json \\
        --key projects/p/locations/global/keyRings/r/cryptoKeys/k
    LITEKEEP_KMS_ENDPOINT=127.0.0.1:9010 BACKUP_KEY=gcp-kms://projects/p/… litekeep backup

It answers Encrypt and Decrypt, and for signing keys (`--signing-key`) AsymmetricSign and GetPublicKey, as Cloud KMS
documents them: CRC32C of what comes in are checked and confirmed, those of what goes out are sent, and a version that
is not enabled does nothing.
"""
