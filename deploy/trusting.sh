#!/bin/sh
# Runs a command of an image's build so that apt, pip and npm also trust the build's extra CA.
# Without the secret `extra_ca`, or with an empty one, it only runs the command. Nothing of the
# certificate stays in the image.
set -eu

extra=/run/secrets/extra_ca
if [ -s "$extra" ]; then
    bundle=$(mktemp)
    settings=$(mktemp)
    trap 'rm -f "$bundle" "$settings"' EXIT
    # All of these replace the system's certificates instead of adding to them.
    cat /etc/ssl/certs/ca-certificates.crt "$extra" >"$bundle"
    printf 'Acquire::https::CaInfo "%s";\n' "$bundle" >"$settings"
    export APT_CONFIG="$settings" PIP_CERT="$bundle" NODE_EXTRA_CA_CERTS="$bundle"
fi
"$@"
