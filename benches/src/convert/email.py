import base64, json, sys, time
from email import policy
from email.message import EmailMessage

POLICY = policy.SMTP


def fill(mail, part):
    content = part["content"]
    if "text" in content:
        mail.set_content(content["text"], subtype=part["kind"].split("/")[1], charset="utf-8")
    elif "mail" in content:
        mail.set_content(message(content["mail"]))
    elif "bytes" in content:
        kind, subtype = part["kind"].split("/")
        mail.set_content(base64.b64decode(content["bytes"]), kind, subtype, filename=part["name"])
    else:
        mail["Content-Type"] = part["kind"]
        for inner in content["parts"]:
            below = EmailMessage(policy=POLICY)
            fill(below, inner)
            mail.attach(below)


def message(finished):
    mail = EmailMessage(policy=POLICY)
    for name, value in finished["fields"]:
        mail[name] = value.replace("\r\n", "")
    fill(mail, finished["body"])
    return mail


mails = [json.loads(line) for line in sys.stdin]
start = time.process_time()
for mail in mails:
    message(mail).as_bytes()
print(time.process_time() - start)
