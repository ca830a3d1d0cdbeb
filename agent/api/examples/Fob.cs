// Fob.exe PROFILE: a code, a session and the touch that it takes. It speaks HTTP
// by itself, so that mono takes it too; in .NET 5 and later an HttpClient over a
// SocketsHttpHandler with a ConnectCallback does the same.
using System;
using System.IO;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading.Tasks;

static class Fob
{
    // Sends a request and returns the answer, status line and headers first.
    // HTTP/1.0 asks for a body that just ends with the connection.
    static StreamReader Send(string method, string path, string body)
    {
        var socket = Environment.GetEnvironmentVariable("FOB_SOCKET")
            ?? Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") + "/fob/agent.sock";
        var s = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        s.Connect(new UnixDomainSocketEndPoint(socket));
        var head = method + " " + path + " HTTP/1.0\r\nHost: fob\r\n";
        if (body != null)
            head += "Content-Type: application/json\r\nContent-Length: " + Encoding.UTF8.GetByteCount(body) + "\r\n";
        var stream = new NetworkStream(s, true);
        var bytes = Encoding.UTF8.GetBytes(head + "\r\n" + body);
        stream.Write(bytes, 0, bytes.Length);
        return new StreamReader(stream, Encoding.UTF8);
    }

    static string Ask(string path, string body)
    {
        using (var answer = Send("POST", path, body))
        {
            var status = answer.ReadLine();
            while (answer.ReadLine() != "") { }
            var json = answer.ReadToEnd();
            if (!status.Contains(" 200 ")) // the error's code is for programs
                throw new Exception(Field(json, "code") + ": " + Field(json, "message") + "; hint: " + Field(json, "hint"));
            return json;
        }
    }

    // A field of an answer; a program of any size has a JSON library for that.
    static string Field(string json, string name)
    {
        return Regex.Match(json, "\"" + name + "\":\"((?:[^\"\\\\]|\\\\.)*)\"").Groups[1].Value;
    }

    static void Main(string[] args)
    {
        var events = Send("GET", "/v1/events", null);
        while (events.ReadLine() != "") { }
        events.ReadLine(); // nothing from here on is missed
        var touched = Task.Run(() =>
        {
            for (var line = events.ReadLine(); line != null; line = events.ReadLine())
                if (line.StartsWith("data:") && Field(line, "type") == "touch-wanted")
                {
                    Console.WriteLine(Field(line, "message") + " until " + Field(line, "until"));
                    return;
                }
        });
        var code = Ask("/v1/codes", "{\"name\":\"" + args[0] + "\"}");
        Console.WriteLine("code " + Field(code, "code") + " of token " + Field(code, "token") + " until " + Field(code, "valid_until"));
        var session = Ask("/v1/sessions", "{\"profile\":\"" + args[0] + "\",\"renew\":true}");
        Console.WriteLine("session " + Field(session, "access_key_id") + " until " + Field(session, "expiration"));
        touched.Wait();
    }
}
