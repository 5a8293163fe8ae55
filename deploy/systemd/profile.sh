# /etc/profile.d/piekwacht.sh: a command given by hand means the files of this machine's monitor.
export PATH="/opt/piekwacht/bin:$PATH"
export PIEKWACHT_CONFIG=/etc/piekwacht/config
export PIEKWACHT_LEDGER=/var/lib/piekwacht/ledger.sqlite
