"""A local server that speaks Cloud KMS over gRPC, with real AES-GCM and P-256 keys, versions and rotation.

To run it by hand, with keys that survive a restart:

    python -m tests.servers.kms --port 9010 --state kms.json \\
        --key projects/p/locations/global/keyRings/r/cryptoKeys/k
    LITEKEEP_KMS_ENDPOINT=127.0.0.1:9010 BACKUP_KEY=gcp-kms://projects/p/… litekeep backup

It serves Encrypt and Decrypt, and for signing keys (`--signing-key`) AsymmetricSign and GetPublicKey, as Cloud KMS
documents them: it checks and confirms the CRC32C of requests, sends those of responses, and refuses versions that are
not enabled.
"""
