"""A program that logs in to a PKCS#11 token once and stays: it signs whenever a
line comes on stdin, and says how that went. Usage: pkcs11.py MODULE PIN"""

import sys

import PyKCS11 as p11

lib = p11.PyKCS11Lib()
lib.load(sys.argv[1])
slot = lib.getSlotList(tokenPresent=True)[0]
session = lib.openSession(slot, p11.CKF_SERIAL_SESSION)
session.login(sys.argv[2])
keys = session.findObjects([(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), (p11.CKA_KEY_TYPE, p11.CKK_EC)])
print("ready", flush=True)
for _ in sys.stdin:
    try:
        session.sign(keys[0], bytes(32), p11.Mechanism(p11.CKM_ECDSA, None))
        print("signed", flush=True)
    except p11.PyKCS11Error as e:
        print("failed:", e, flush=True)
session.logout()
session.closeSession()
