using System.Text;

namespace Shop;

/// <summary>The messages of <c>protos/shop.proto</c>, by hand: a service of its own would have them generated.</summary>
internal static class StockMessage
{
    /// <summary>What a <c>GetStockRequest</c> asks for; null where it is malformed.</summary>
    public static string? Sku(byte[]? message)
    {
        // Its only field is a text; of texts that come twice the last one counts.
        var sku = "";
        for (var at = 0; message is not null && at < message.Length;)
        {
            if (message[at] != 0x0a || at + 1 == message.Length || message[at + 1] >= 0x80 || at + 2 + message[at + 1] > message.Length)
            {
                return null;
            }
            sku = Encoding.UTF8.GetString(message, at + 2, message[at + 1]);
            at += 2 + message[at + 1];
        }
        return message is null ? null : sku;
    }

    public static byte[] Write(Stock stock)
    {
        var message = new List<byte>();
        Text(message, 1, stock.Sku);
        Number(message, 2, stock.Available);
        Number(message, 3, stock.Reserved);
        foreach (var warehouse in stock.Warehouses)
        {
            var part = new List<byte>();
            Text(part, 1, warehouse.Name);
            Number(part, 2, warehouse.Available);
            Bytes(message, 4, [.. part]);
        }
        if (stock.NextDelivery is { } next)
        {
            Text(message, 5, next);
        }
        return [.. message];
    }

    private static void Text(List<byte> message, int field, string text) => Bytes(message, field, Encoding.UTF8.GetBytes(text));

    private static void Bytes(List<byte> message, int field, byte[] bytes)
    {
        message.Add((byte)(field << 3 | 2));
        Varint(message, (uint)bytes.Length);
        message.AddRange(bytes);
    }

    private static void Number(List<byte> message, int field, int number)
    {
        message.Add((byte)(field << 3));
        Varint(message, (uint)number);
    }

    private static void Varint(List<byte> message, uint value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            message.Add((byte)(value | 0x80));
        }
        message.Add((byte)value);
    }
}
