// Part of Kakoi, not of GLFW: what was dropped is read also where it comes in pieces, as file managers hand over long lists (ICCCM
// 2.7.2, INCR), and named so that the application can tell the files of this computer from other places.

#if defined(_GLFW_X11)

#include <unistd.h>

// kakoiPiece reads what stands at the property of a selection now, and takes it away: for INCR that asks for the next piece.
static GLFWbool kakoiPiece(const XEvent* event, Atom* type, unsigned char** data, unsigned long* size)
{
    int format;
    unsigned long left;

    *data = NULL;
    return XGetWindowProperty(_glfw.x11.display, event->xselection.requestor, event->xselection.property, 0, LONG_MAX, True,
                              AnyPropertyType, type, &format, size, &left, data) == Success && *data &&
           (format == 8 || *type == _glfw.x11.INCR);
}

// kakoiReadDrop gives the whole list as a string to be freed; NULL when it does not come. The next piece is waited for two
// seconds at most: whoever drags may have ended.
static char* kakoiReadDrop(XEvent* event)
{
    XEvent dummy;
    Atom type;
    unsigned char* data;
    unsigned long size;
    char* text = NULL;
    size_t length = 0;
    GLFWbool whole = GLFW_FALSE;

    // That of the first piece must not be taken for the next one
    while (XCheckIfEvent(_glfw.x11.display, &dummy, isSelPropNewValueNotify, (XPointer) event));

    if (!kakoiPiece(event, &type, &data, &size))
    {
        if (data)
            XFree(data);
        return NULL;
    }

    if (type != _glfw.x11.INCR)
    {
        text = _glfw_calloc(size + 1, 1);
        memcpy(text, data, size);
        XFree(data);
        return text;
    }

    XFree(data);
    while (!whole)
    {
        const double end = glfwGetTime() + 2.0;
        while (!XCheckIfEvent(_glfw.x11.display, &dummy, isSelPropNewValueNotify, (XPointer) event))
        {
            if (glfwGetTime() > end)
            {
                _glfw_free(text);
                return NULL;
            }
            usleep(1000);
        }

        const GLFWbool read = kakoiPiece(event, &type, &data, &size);
        if (read && size)
        {
            text = _glfw_realloc(text, length + size + 1);
            memcpy(text + length, data, size);
            length += size;
            text[length] = '\0';
        }
        whole = !read || !size;
        if (data)
            XFree(data);
    }

    return text;
}

// kakoiName is the path of a file of this computer, or else "/" and the whole address, which has "://" in it as no path has.
static char* kakoiName(const char* line)
{
    const char* prefix = "file://";
    char host[256] = "";
    char* name = _glfw_calloc(strlen(line) + 2, 1);
    char* to = name;

    if (strncmp(line, prefix, strlen(prefix)) == 0)
    {
        const char* from = line + strlen(prefix);
        const size_t length = strcspn(from, "/");
        gethostname(host, sizeof(host) - 1);
        if (from[length] && (!length || (length == 9 && strncmp(from, "localhost", 9) == 0) || (strlen(host) == length && strncmp(from, host, length) == 0)))
        {
            for (from += length;  *from;  from++)
            {
                unsigned int byte;
                if (from[0] == '%' && from[1] && from[2] && sscanf(from + 1, "%2x", &byte) == 1 && byte)
                {
                    *to++ = (char) byte;
                    from += 2;
                }
                else
                    *to++ = *from;
            }
            return name;
        }
    }

    if (*line != '/')
        *to++ = '/';
    strcpy(to, line);
    return name;
}

// kakoiTakeDrop hands what was dropped to the application, and says whether there was something. Nothing is told to it too.
static GLFWbool kakoiTakeDrop(_GLFWwindow* window, XEvent* event)
{
    char* text = kakoiReadDrop(event);
    char** names = NULL;
    int count = 0, room = 0;

    for (char* line = text ? strtok(text, "\r\n") : NULL;  line;  line = strtok(NULL, "\r\n"))
    {
        if (line[0] == '#')
            continue;
        if (count == room)
        {
            room = room ? 2 * room : 64;
            names = _glfw_realloc(names, room * sizeof(char*));
        }
        names[count++] = kakoiName(line);
    }

    if (window->callbacks.drop)
        window->callbacks.drop((GLFWwindow*) window, count, (const char**) names);

    for (int i = 0;  i < count;  i++)
        _glfw_free(names[i]);
    _glfw_free(names);
    _glfw_free(text);
    return count > 0;
}

#endif
