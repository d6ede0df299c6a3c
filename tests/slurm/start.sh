#!/usr/bin/env bash
# A Slurm of one node in the folder $1, by hand, as root: no systemd, nothing outside that folder. Writes $1/env to be sourced.
# Its daemons end with: kill $(cat FOLDER/*.pid)
set -euo pipefail
folder=$(realpath "$1")
host=$(hostname -s)
port=$((20000 + RANDOM % 20000))
export PATH=$PATH:/usr/sbin
mkdir -p "$folder"/{state,spool}
chmod 755 "$folder"

head -c 128 /dev/urandom >"$folder/munge.key"
chmod 400 "$folder/munge.key"
munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/munge.seed"

# cred_expire: how long a requeued job must wait; two minutes by default.
cat >"$folder/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
AuthInfo=socket=$folder/munge.socket,cred_expire=10
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,batch_sched_delay=0,sched_min_interval=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
MaxArraySize=6
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=${2:-2} RealMemory=${3:-4000} State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$folder/slurm.conf
echo "export SLURM_CONF=$SLURM_CONF" >"$folder/env"
slurmctld
slurmd
for _ in $(seq 300); do
    [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ] && exit 0
    sleep 0.2
done
tail -n 20 "$folder"/*.log >&2
exit 1
